"""Border movements: read crossings, spread persons over buckets, answer, write what is new."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.border.crossings import MINUTES_A_DAY
from ravenstein.border.residence import ALWAYS, OPPOSITE
from ravenstein.border.sequences import IMPUTED, counted
from ravenstein.core.errors import SourceError, StoreError, StudyError
from ravenstein.pipelines.border_answers import Sums, answered, gap_rows, summary_rows
from ravenstein.pipelines.border_intake import (
    BorderJob,
    Intake,
    opened_files,
    take_in,
    take_register,
)
from ravenstein.store.buckets import Buckets, bucket_count
from ravenstein.store.crossing_files import Columns, found_files, open_crossings
from ravenstein.store.crossing_rows import AsideWriter
from ravenstein.store.files import (
    alone_in,
    file_hash,
    inside,
    new_folder,
    publish_folder,
    refuse_others,
    write_csv,
    write_text,
)
from ravenstein.store.history import Facts, read_facts, write_facts
from ravenstein.store.identity import KEY_VARIABLE, IdentityKey, identity_key, spreading_key
from ravenstein.store.provenance import FromFile
from ravenstein.tables.border import BORDER_GAPS, BORDER_MOVEMENTS, BORDER_SUMMARY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from ravenstein.store.crossing_files import CrossingFile
    from ravenstein.store.run import Run
    from ravenstein.study import Study

CROSSINGS, SUMMARY, ASIDE_FILE, REPORT = (
    "crossings.parquet",
    "summary.csv",
    "quarantine.parquet",
    "report.json",
)
FOLDER = "border"
_LEAST_BUCKETS = 256  # of histories, which grow: room for 130 million crossings
_COLUMNS = Columns("nationality,document", "direction", "crossed_at")
OWN = (CROSSINGS, "crossings.csv.gz", SUMMARY, ASIDE_FILE, REPORT)


def classify_files(files: Sequence[Path], out: Path, job: BorderJob) -> dict[str, Any]:
    """Answer for each crossing in files whether it makes or ends a resident.

    Args:
        files: Parquet or CSV (also .gz) files, or folders of them.
        out: Folder for `crossings.parquet`, `summary.csv`, `quarantine.parquet` and `report.json`:
            new, empty, or an earlier one, which is replaced as a whole.
        job: What is asked. With histories, only crossings that are new, or whose answers changed
            since the last delivery, are written; the summary counts all.

    Returns:
        The report.

    Raises:
        SourceError: If no crossing can be used.
        StoreError: If the folder holds other things, or histories are of other choices.
        StudyError: If the day asked for is in the future, or before the one told last.
    """
    refuse_others(out, OWN, "earlier results", mark=REPORT, inputs=files)
    _refuse_nested(out, job.history)
    with ExitStack() as stack:
        stack.enter_context(alone_in([out, *([job.history] if job.history else [])]))
        given = _looked_at(files, job)
        folder = stack.enter_context(new_folder(out, 0))
        kept = stack.enter_context(new_folder(job.history, 0)) if job.history else None
        report, *_ = _fill(folder, kept, job, given)
        publish_folder(out, 0)
        if job.history:  # last: a run that ends before it can be run again
            publish_folder(job.history, 0)
    return report


def border(study: Study, run: Run) -> None:
    """Answer the crossings of a study's entry–exit system; nothing where it has none.

    Persons are told by nationality and number of the document, replaced by their keyed hash as
    they are read. The folder `border` beside the store holds the results; the store the summary.

    Raises:
        SourceError: If no crossing can be used.
        StudyError: If there is no identity key, and the study is not a simulated one.
    """
    files, facts = border_files(study)
    if not files:
        return
    folder = run.store.folder.parent / FOLDER
    job = BorderJob(_COLUMNS, key=_key(study))
    with run.step("Answer border movements") as step, run.new_folder(folder) as new:
        report, summary, gaps = _fill(new, None, job, _looked_at(files, job))
        run.write(BORDER_SUMMARY, summary, method=classify_files, inputs=facts)
        run.write(BORDER_GAPS, gaps, method=classify_files, inputs=facts)
        run.warnings += [
            f"Border movements: {name} left out: {why}"
            for name, why in report["files"]["unreadable"].items()
        ]
        step.note = (
            f"{report['crossings']:,} crossings of {report['persons']['known']:,} persons, "
            f"as of {report['as_of']}"
        )
        aside = [f"{count:,} {reason}" for reason, count in report["put_aside"].items()]
        step.note += f"; put aside: {', '.join(aside)}" * bool(aside)


def border_files(study: Study) -> tuple[list[Path], list[FromFile]]:
    """Return the files of a study's entry–exit system, and what provenance keeps of them."""
    files, facts = [], []
    for source in study.of_kind(BORDER_MOVEMENTS.name):
        given = inside(study.folder, source.file, study.data_folders)
        for path in found_files([given])[0]:
            name = source.file if path == given else f"{source.file}/{path.name}"
            rows = open_crossings(path, _COLUMNS).rows
            files.append(path)
            facts.append(FromFile(name, file_hash(path), rows, "", "month", {}))
    return files, facts


def _key(study: Study) -> IdentityKey:
    """Return the identity key; a simulated study may have one made of its seed."""
    if study.study.simulated and KEY_VARIABLE not in os.environ:
        return IdentityKey(hashlib.sha256(f"simulated {study.study.seed}".encode()).digest())
    return identity_key()


@dataclass(frozen=True)
class _Given:
    """What a run begins with.

    Args:
        now: The present minute.
        opened: The files that can be read.
        intake: The others.
        facts: What histories hold, if there are any.
        whole: Whether identifiers are whole numbers.
    """

    now: int
    opened: list[CrossingFile]
    intake: Intake
    facts: Facts | None
    whole: bool


def _looked_at(files: Sequence[Path], job: BorderJob) -> _Given:
    """Look at files and histories, and refuse what cannot go together."""
    now = int(datetime.now(UTC).timestamp()) // 60
    facts = read_facts(job.history) if job.history else None
    refuse_day(job.as_of, now // MINUTES_A_DAY, facts)
    if facts:
        _refuse_other_choices(facts, job)
    intake = Intake()
    opened = opened_files(files, job, facts, intake)
    whole = facts.whole_numbers if facts else not job.key and all(f.whole_numbers for f in opened)
    if facts and not job.key and any(f.whole_numbers != whole for f in opened):
        raise _other_kind(whole)
    return _Given(now, opened, intake, facts, whole)


def _fill(
    folder: Path, kept: Path | None, job: BorderJob, given: _Given
) -> tuple[dict[str, Any], pa.Table, pa.Table]:
    """Fill folders that wait: results, histories if kept; return report, summary and gaps."""
    facts, intake = given.facts, given.intake
    key, sign = spreading_key()
    size = facts.buckets if facts else bucket_count(sum(f.rows for f in given.opened))
    if kept and not facts:
        size = max(size, _LEAST_BUCKETS)
    with (
        Buckets(folder / ".buckets", size, key) as buckets,
        Buckets(folder / ".register", size, key) as register,
        AsideWriter(folder / ASIDE_FILE) as aside,
    ):
        take_register(job, register, whole=given.whole)
        take_in(given.opened, job, (given.now, given.whole), (buckets, aside, intake))
        as_of = last_day(job, intake, facts)
        held = _held(facts, given.opened, intake) if kept else {}
        new = Facts(as_of, given.whole, size, sign, _choices(job), held)
        sums = answered((folder, kept), job, (new, facts), (buckets, register, aside))
    if kept:
        write_facts(kept, new, sums.counts)
    summary = summary_rows(sums.counts, job.treatment.rules)
    write_csv(summary, folder / SUMMARY)
    report = told_report(job, intake, sums, (as_of, facts))
    write_text(json.dumps(report, indent=1) + "\n", folder / REPORT)
    return report, summary, gap_rows(sums.by_month)


def _choices(job: BorderJob) -> str:
    how = job.treatment
    median = f" {how.median[0]} {how.median[1]}" if how.gaps == "median" else ""
    rules = ", ".join(f"{rule.threshold} of {rule.window} days" for rule in how.rules)
    return (
        f"{rules}; gaps: {how.gaps}{median}; first: "
        f"{'opposite' if how.first == OPPOSITE else 'undecided'}; identifiers: "
        f"{'hashed' if job.key else 'as they are'}"
    )


def refuse_day(as_of: int | None, today: int, facts: Facts | None) -> None:
    """Refuse a day that is still to come, or before the one told last."""
    if as_of is None or (as_of <= today and not (facts and as_of < facts.as_of)):
        return
    earliest = f"from {_date(facts.as_of)} on, " if facts else ""
    raise StudyError(
        "Crossings cannot be answered as of that day.",
        expected=f"{earliest}today at the latest",
        found=_date(as_of),
        where="--as-of",
        fix="Choose another day" + (", or other histories." if facts else "."),
    )


def _other_kind(whole: bool) -> SourceError:
    return SourceError(
        "Identifiers are not as in the histories.",
        expected="whole numbers" if whole else "text",
        found="text" if whole else "whole numbers",
        where="files of crossings",
        fix="Deliver them as before.",
    )


def _held(facts: Facts | None, opened: list[CrossingFile], intake: Intake) -> dict[str, str]:
    """Return name by hash of all files that are in the histories as a whole.

    One of which something was left out may come again: what is there already is a duplicate then.
    """
    whole = [opened[n] for n, c in intake.files.items() if not c.after and not c.aside]
    return (facts.files if facts else {}) | {intake.hashes[f.name]: f.name for f in whole}


def _refuse_other_choices(facts: Facts, job: BorderJob) -> None:
    if facts.treatment != _choices(job):
        problem, pair = "Histories are of other choices.", (facts.treatment, _choices(job))
    elif facts.key != spreading_key()[1]:
        problem = "Histories are spread by another identity key."
        pair = (f"{KEY_VARIABLE} as it was then, or not set if it was not", "another key, or none")
    else:
        return
    raise StoreError(
        problem,
        expected=pair[0],
        found=pair[1],
        where="--history",
        fix="Choose as then, or keep new histories in another folder.",
    )


def _refuse_nested(out: Path, history: Path | None) -> None:
    """Refuse folders of which one lies in the other: each is replaced as a whole."""
    if history is None:
        return
    one, other = out.resolve(), history.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise StoreError(
            "Results and histories cannot be kept in one folder.",
            expected="two folders, neither of which lies in the other",
            found="the same folder" if one == other else "one inside the other",
            where="--out and --history",
            fix="Choose another folder for one of them.",
        )


def last_day(job: BorderJob, intake: Intake, facts: Facts | None) -> int:
    """Return the day as of which crossings are answered."""
    total = intake.total()
    last = max(total.last, facts.as_of if facts else ALWAYS)
    lost = total.last == ALWAYS and (total.aside or total.after or intake.unreadable)
    if last == ALWAYS or lost:
        found = [f"{n:,} {reason}" for reason, n in sorted(total.aside.items())]
        found += [f"{total.after:,} after the day asked for"] if total.after else []
        found += [f"{name}: {why.found}" for name, why in sorted(intake.unreadable.items())[:3]]
        raise SourceError(
            "No crossing can be used.",
            expected="rows with an identifier, a known direction and a time",
            found=", ".join(found) or "no rows",
            where="files of crossings",
            fix="Choose a later --as-of."
            if total.after
            else "Name columns and codes: --person, --direction, --time, --arrival, --departure.",
        )
    return last if job.as_of is None else job.as_of


def told_report(
    job: BorderJob, intake: Intake, sums: Sums, dates: tuple[int, Facts | None]
) -> dict[str, Any]:
    """Return what was done, in counts."""
    total, (as_of, facts) = intake.total(), dates
    aside = dict(total.aside) | ({"duplicate": sums.repeated} if sums.repeated else {})
    return {
        "as_of": _date(as_of),
        "told_before": _date(facts.as_of) if facts else None,
        "rules": [asdict(rule) for rule in job.treatment.rules],
        "gaps": job.treatment.gaps,
        "files": {
            "read": len(intake.files),
            "known": sorted(intake.known),
            "other": sorted(intake.other),
            "unreadable": {n: f"{e.problem} {e.found}" for n, e in intake.unreadable.items()},
        },
        "crossings": total.used - sums.repeated,
        "put_aside": dict(sorted(aside.items())),
        "after_as_of": total.after,
        "sequences": asdict(counted(sums.by_mark)) | {"imputed": int(sums.by_mark[IMPUTED])},
        "persons": {
            "known": sums.persons,
            "with_new_crossings": sums.touched,
            "with_late_ones": sums.late,
            "decided_by_time": sums.passed,
            "most_crossings": sums.most,
            "register_differs": sums.differing,
        },
        "rows_written": sums.rows if job.rows else 0,
    }


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
