"""`ravenstein border classify`, end to end: what the slow rule says, on files of any kind."""

import csv
import gzip
import json
import random
from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from tests.slow_residence import slow_answers
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.border.delivery import Treatment
from ravenstein.border.residence import ResidenceRule
from ravenstein.core.errors import RavensteinError, SourceError, StoreError, StudyError
from ravenstein.pipelines import border as pipeline
from ravenstein.pipelines.border_intake import BorderJob
from ravenstein.store import buckets, crossing_files
from ravenstein.store.files import publish_folder

DAY = 1440
BEGIN = (date(2012, 3, 10) - date(1970, 1, 1)).days
COLUMNS = ["person_id", "crossed_on", "direction", "is_migrant", "status_before", "status_after",
           "decided_on"]  # fmt: skip
RULE = ("--window", 12, "--threshold", 8)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Many buckets, batches and blocks, so that a person's rows lie in several."""
    monkeypatch.setattr(buckets, "_ROWS", 40)
    monkeypatch.setattr(crossing_files, "_BATCH", 17)
    monkeypatch.setattr(crossing_files, "_BLOCK", 2048)


def classify(*words):
    """Run the command in this process and return what it printed."""
    result = CliRunner().invoke(cli.app, ["border", "classify", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def refused(kind, *words):
    """Run the command, which has to refuse, and return the error's text."""
    with pytest.raises(kind) as caught:
        classify(*words)
    return str(caught.value)


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


def on(day):
    return date(1970, 1, 1) + timedelta(days=day)


def histories(people, seed, *, minutes=True, whole=False, span=45, alone=False):
    """Return rows (person, minute, arrival), shuffled, no two alike; `alone`: one a day at most."""
    rng, rows = random.Random(seed), set()
    for p in range(people):
        who = 9_000_000_000 - 7 * p if whole else f"Ó-{p:x}李"[: rng.choice([4, 9])]
        days = [BEGIN + rng.randrange(span) for _ in range(rng.randrange(1, 10))]
        for day in sorted(set(days)) if alone else days:
            minute = rng.choice([0, 5, 600, 1439]) if minutes else 0
            rows.add((who, day * DAY + minute, rng.randrange(2)))
    rows = sorted(rows, key=repr)
    rng.shuffle(rows)
    return rows


def table(rows, *, names=("person_id", "crossed_at", "direction"), codes=("departure", "arrival")):
    """Return an Arrow table of rows, with times, or with dates where so named."""
    people = pa.array([r[0] for r in rows])
    if names[1] in ("crossed_at", "moved_at"):
        when = pa.array([r[1] * 60 for r in rows]).cast(pa.timestamp("s", "UTC"))
    else:
        when = pa.array([on(r[1] // DAY) for r in rows], pa.date32())
    return pa.table([people, when, pa.array([codes[r[2]] for r in rows])], names=names)


def write(path, rows, **how):
    """Write rows as the path's ending says: Parquet in small row groups, CSV, or CSV.gz."""
    made = table(rows, **how)
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(made, path, row_group_size=29)
    elif path.suffix == ".gz":
        with gzip.open(path, "wb") as stream:
            pacsv.write_csv(made, stream)
    else:
        pacsv.write_csv(made, path)
    return path


def by_person(rows):
    """Return each person's crossings (minute, arrival) in order; departures first in a minute."""
    found = defaultdict(list)
    for who, minute, arrival in sorted(rows, key=lambda r: (str(r[0]), r[1:])):
        found[who].append((minute, arrival))
    return found


def expected(rows, as_of, rule=(12, 8), first=None, gaps="last"):
    """Return the rows that are to be told, as the slow rule has them."""
    told = []
    for who, crossings in by_person(rows).items():
        days = [(minute // DAY, arrival) for minute, arrival in crossings]
        answers = slow_answers(days, as_of, rule, first, gaps)
        for (day, arrival), (before, migrant, after, decided) in zip(days, answers, strict=True):
            marked = (None if m == -1 else m for m in (migrant, before, after))
            told.append((who, on(day), "arrival" if arrival else "departure", *marked,
                         None if decided is None else on(decided)))  # fmt: skip
    return told


def told_in(out, names=COLUMNS):
    """Return the rows told, each person's together and in order of time."""
    made = pq.read_table(out / "crossings.parquet", columns=list(names))
    rows = list(zip(*(c.to_pylist() for c in made.columns), strict=True))
    return sorted(rows, key=lambda r: str(r[0]))


def report_in(out):
    return json.loads((out / "report.json").read_text())


def summed(rows):
    """Return lines of summary.csv: window and threshold are those of RULE."""
    counts = defaultdict(Counter)
    for _, day, direction, migrant, *_ in rows:
        counts[f"{day:%Y-%m}-01", direction][migrant] += 1
    return [
        (month, direction, sum(c.values()), c[1], c[0], c[None])
        for (month, direction), c in sorted(
            counts.items(), key=lambda item: (item[0][0], item[0][1] == "arrival")
        )
    ]


def summary_in(out, rule=(12, 8)):
    window, threshold = map(str, rule)
    with (out / "summary.csv").open(newline="") as stream:
        rows = [r for r in csv.DictReader(stream)
                if (r["window"], r["threshold"]) == (window, threshold)]  # fmt: skip
    numbers = ("crossings", "migrants", "others", "undecided")
    return [(r["month"], r["direction"], *(int(r[n]) for n in numbers)) for r in rows]


def test_a_stay_of_a_year_by_hand(tmp_path):
    # the history of the rule's own test, its day 0 the first of January 2012; and a visit
    lines = ["person_id,crossed_on,direction", "A,2012-01-11,arrival", "A,2012-04-10,departure",
             "B,2012-02-01,arrival", "A,2012-04-30,arrival", "B,2012-02-11,departure"]  # fmt: skip
    (tmp_path / "y.csv").write_text("\n".join(lines) + "\n")
    printed = classify(
        tmp_path / "y.csv", "--out", tmp_path / "o", "--as-of", "2014-06-19", "--csv"
    )
    with gzip.open(tmp_path / "o/crossings.csv.gz", "rt") as stream:
        head, *rows = csv.reader(stream)
    assert head == COLUMNS
    assert sorted(",".join(row) for row in rows) == [
        # present 90 days by 10 April, 275 more from 30 April on: the 365th is 2013-01-29
        "A,2012-01-11,arrival,1,0,1,2013-01-29",
        "A,2012-04-10,departure,0,1,1,2012-08-30",  # back for 123 days by then
        "A,2012-04-30,arrival,0,1,1,2013-01-29",
        "B,2012-02-01,arrival,0,0,0,2012-06-12",  # away for 123 days by then
        "B,2012-02-11,departure,0,0,0,2012-06-12",
    ]
    assert printed.splitlines()[:2] == [
        "5 crossings from 1 files, as of 2014-06-19: 365 of 487 days",
        "2 persons; 5 rows written",
    ]
    assert summary_in(tmp_path / "o", (487, 365)) == [
        ("2012-01-01", "arrival", 1, 1, 0, 0),
        ("2012-02-01", "departure", 1, 0, 1, 0),
        ("2012-02-01", "arrival", 1, 0, 1, 0),
        ("2012-04-01", "departure", 1, 0, 1, 0),
        ("2012-04-01", "arrival", 1, 0, 1, 0),
    ]
    assert report_in(tmp_path / "o") == {
        "as_of": "2014-06-19",
        "told_before": None,
        "rules": [{"window": 487, "threshold": 365}],
        "gaps": "last",
        "files": {"read": 1, "known": [], "other": [], "unreadable": {}},
        "crossings": 5,
        "put_aside": {},
        "after_as_of": 0,
        "sequences": {"repeated_arrivals": 0, "repeated_departures": 0, "same_day": 0,
                      "same_time": 0, "same_record": 0, "imputed": 0},
        "persons": {"known": 2, "with_new_crossings": 2, "with_late_ones": 0,
                    "decided_by_time": 0, "most_crossings": 3, "register_differs": 0},
        "rows_written": 5,
    }  # fmt: skip
    assert pq.read_table(tmp_path / "o/quarantine.parquet").num_rows == 0


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz"])
@pytest.mark.parametrize("time", ["crossed_at", "crossed_on"])
@pytest.mark.parametrize("whole", [False, True])
def test_every_row_is_as_the_slow_rule_has_it(tmp_path, ending, time, whole):
    rows = histories(40, 1, minutes=time == "crossed_at", whole=whole)
    files = [
        write(tmp_path / f"{k}{ending}", rows[k::3], names=("person_id", time, "direction"))
        for k in range(3)
    ]
    printed = json.loads(classify(*files, "--out", tmp_path / "o", *RULE, "--json", "--csv"))
    assert printed == {"status": "complete"} | report_in(tmp_path / "o")
    last = max(r[1] for r in rows) // DAY
    assert printed["as_of"] == str(on(last))
    assert (printed["crossings"], printed["rows_written"]) == (len(rows), len(rows))
    assert (printed["files"]["read"], printed["put_aside"]) == (3, {})
    as_text = ending != ".parquet"  # CSV has no whole numbers: 007 is no 7
    rows = [(str(who) if as_text else who, *rest) for who, *rest in rows]
    told = told_in(tmp_path / "o")
    assert told == expected(rows, last)
    assert summary_in(tmp_path / "o") == summed(told)
    schema = pq.read_schema(tmp_path / "o/crossings.parquet")
    small = [pa.int8()] * 3
    kind = pa.int64() if whole and not as_text else pa.string()
    assert schema.names == COLUMNS
    assert schema.types == [kind, pa.date32(), pa.string(), *small, pa.date32()]
    assert pq.ParquetFile(tmp_path / "o/crossings.parquet").num_row_groups >= 4, "buckets"
    given = pacsv.ConvertOptions(column_types=schema, strings_can_be_null=True)
    same = pacsv.read_csv(tmp_path / "o/crossings.csv.gz", convert_options=given)
    assert same.equals(pq.read_table(tmp_path / "o/crossings.parquet").cast(schema))


def test_numbers_in_one_file_and_text_in_another_are_text(tmp_path):
    rows = histories(20, 2, whole=True)
    as_text = [(str(who), *rest) for who, *rest in rows]
    files = [write(tmp_path / "n.parquet", rows[::2]), write(tmp_path / "t.csv", as_text[1::2])]
    classify(*files, "--out", tmp_path / "o", *RULE)
    assert told_in(tmp_path / "o") == expected(as_text, max(r[1] for r in rows) // DAY)


@pytest.mark.parametrize("ending", [".parquet", ".csv.gz"])
def test_other_names_and_codes(tmp_path, ending):
    rows = histories(15, 3)
    names, codes = ("traveller", "moved_at", "way"), ("O", "I")
    file = write(tmp_path / f"f{ending}", rows, names=names, codes=codes)
    named = ("--person", names[0], "--time", names[1], "--direction", names[2])
    classify(file, "--out", tmp_path / "o", *RULE, *named, "--arrival", "I", "--departure", "O")
    assert told_in(tmp_path / "o") == expected(rows, max(r[1] for r in rows) // DAY)
    assert "is 'way' meant" not in refused(SourceError, file, "--out", tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_codes_as_numbers(tmp_path):
    rows = histories(15, 3)
    made = table(rows, codes=("2", "1"))
    made = made.set_column(2, "direction", pc.cast(made["direction"], pa.int32()))
    pq.write_table(made, tmp_path / "f.parquet")
    numbered = ("--arrival", "1", "--departure", "2")
    classify(tmp_path / "f.parquet", "--out", tmp_path / "o", *RULE, *numbered)
    assert told_in(tmp_path / "o") == expected(rows, max(r[1] for r in rows) // DAY)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_several_columns_identify_together(tmp_path, ending):
    day, names = "2012-01-01", ["state", "document", "crossed_on", "direction"]
    known = [("A", "1"), ("B", "1"), ("A|1", "2"), ("A", "1|2"), ("A", "1")]
    missing = [("", "1"), ("A", ""), ("A", "  "), (" ", "1")]
    rows = [(*who, day, "arrival") for who in known + missing]
    columns = [list(column) for column in zip(*rows, strict=True)]
    if ending == "csv":
        pacsv.write_csv(pa.table(columns, names=names), tmp_path / "f.csv")
    else:
        pq.write_table(pa.table(columns, names=names), tmp_path / "f.parquet")
    both = ("--person", "state,document")
    classify(tmp_path / f"f.{ending}", "--out", tmp_path / "o", *both)
    report = report_in(tmp_path / "o")
    assert report["put_aside"] == {"duplicate": 1, "missing_person": 4}
    assert report["persons"]["known"] == 4, "A|1 and 2 are not A and 1|2"


def test_one_code_cannot_be_both_directions(tmp_path):
    file = write(tmp_path / "f.parquet", histories(5, 3), codes=("X", "X"))
    same = ("--arrival", "X", "--departure", "X")
    assert "X" in refused(RavensteinError, file, "--out", tmp_path / "o", *same)
    assert not (tmp_path / "o").exists()


def test_several_rules_side_by_side(tmp_path):
    rows, last = histories(40, 4), BEGIN + 60
    file = write(tmp_path / "f.parquet", rows)
    rules = [(12, 8), (9, 9), (15, 4)]
    words = [w for window, days in rules for w in ("--window", window, "--threshold", days)]
    classify(file, "--out", tmp_path / "o", *words, "--as-of", on(last))
    names = pq.read_schema(tmp_path / "o/crossings.parquet").names
    assert names == [*COLUMNS, *(f"{n}{e}" for e in ("_9_9", "_15_4") for n in COLUMNS[3:])]
    for rule, end in zip(rules, ("", "_9_9", "_15_4"), strict=True):
        chosen = [*COLUMNS[:3], *(f"{n}{end}" for n in COLUMNS[3:])]
        told = told_in(tmp_path / "o", chosen)
        assert told == expected(rows, last, rule)
        assert summary_in(tmp_path / "o", rule) == summed(told)
    assert report_in(tmp_path / "o")["rules"] == [
        {"window": window, "threshold": days} for window, days in rules
    ]


@pytest.mark.parametrize(
    "words",
    [("--window", 9), ("--threshold", 400, "--threshold", 300), ("--gaps", "median"),
     ("--gaps", "median", "--median", 0, 5), ("--window", 5, "--threshold", 6), (*RULE, *RULE),
     ("--as-of", "2012-02-30"), ("--as-of", "2999-01-01"), ("--as-of", "1.5.2012")],
)  # fmt: skip
def test_a_rule_or_day_that_makes_no_sense_is_refused(tmp_path, words):
    file = write(tmp_path / "f.parquet", histories(5, 5))
    with pytest.raises(RavensteinError) as caught:
        classify(file, "--out", tmp_path / "o", *words)
    assert caught.value.kind in ("study", "parameter")
    assert [p.name for p in tmp_path.iterdir()] == ["f.parquet"]


@pytest.mark.parametrize("first", ["opposite", "undecided"])
@pytest.mark.parametrize("gaps", ["last", "unknown"])
def test_gaps_and_first_statuses(tmp_path, gaps, first):
    rows, last = histories(40, 6), BEGIN + 50
    file = write(tmp_path / "f.parquet", rows)
    words = (*RULE, "--gaps", gaps, "--first", first, "--as-of", on(last))
    classify(file, "--out", tmp_path / "o", *words)
    told = told_in(tmp_path / "o")
    assert told == expected(rows, last, first=-1 if first == "undecided" else None, gaps=gaps)
    assert summary_in(tmp_path / "o") == summed(told)


def with_missing(rows, median=None):
    """Return rows with those put in, and their number: in the middle, or median days after."""
    every = list(rows)
    for who, crossings in by_person(rows).items():
        for (start, one), (end, other) in pairwise(crossings):
            if one == other:
                between = (start + end + one) // 2
                usual = start + median[one] * DAY if median else end
                every.append((who, usual if start < usual < end else between, 1 - one))
    return every, len(every) - len(rows)


@pytest.mark.parametrize("gaps", ["middle", "median"])
def test_missing_crossings_are_put_in(tmp_path, gaps):
    rows, last = histories(40, 7), BEGIN + 50
    file = write(tmp_path / "f.parquet", rows)
    words = (*RULE, "--gaps", gaps, "--as-of", on(last))
    classify(file, "--out", tmp_path / "o", *words, *(("--median", 2, 3) * (gaps == "median")))
    whole, imputed = with_missing(rows, (2, 3) if gaps == "median" else None)
    assert imputed > 20
    told = told_in(tmp_path / "o")
    assert told == expected(whole, last)
    real = [r for r in told_in(tmp_path / "o", [*COLUMNS, "sequence"]) if r[-1] != "imputed"]
    assert summary_in(tmp_path / "o") == summed(real)
    report = report_in(tmp_path / "o")
    assert report["sequences"]["imputed"] == imputed
    assert (report["crossings"], report["rows_written"]) == (len(rows), len(whole))
    names = pq.read_table(tmp_path / "o/crossings.parquet")["sequence"].to_pylist()
    assert Counter(names)["imputed"] == imputed


def test_what_is_broken_in_a_sequence_is_named_and_counted(tmp_path):
    lines = ["person_id,crossed_at,direction",
             "A,2012-03-01 10:00,arrival", "A,2012-03-05 10:00,arrival",  # no departure between
             "A,2012-03-05 12:00,departure", "A,2012-03-09 12:00,departure",
             "B,2012-03-01 10:00,arrival", "B,2012-03-01 10:00,departure"]  # fmt: skip
    (tmp_path / "f.csv").write_text("\n".join(lines) + "\n")
    printed = classify(tmp_path / "f.csv", "--out", tmp_path / "o", *RULE, "--sequence")
    names = [*COLUMNS[:3], "sequence"]
    assert [(r[0], r[1].day, r[2], r[3]) for r in told_in(tmp_path / "o", names)] == [
        ("A", 1, "arrival", None), ("A", 5, "arrival", "repeated_direction"),
        ("A", 5, "departure", "same_day"), ("A", 9, "departure", "repeated_direction"),
        ("B", 1, "departure", None), ("B", 1, "arrival", "same_time"),
    ]  # fmt: skip
    assert report_in(tmp_path / "o")["sequences"] == {
        "repeated_arrivals": 1, "repeated_departures": 1, "same_day": 2, "same_time": 1,
        "same_record": 0, "imputed": 0,
    }  # fmt: skip
    assert "1 repeated_arrivals" in printed


@pytest.mark.parametrize("whole", [False, True])
def test_crossings_after_the_day_are_left_out_and_counted(tmp_path, whole):
    rows, day = histories(40, 8, whole=whole), BEGIN + 20
    file = write(tmp_path / "f.parquet", rows)
    printed = classify(file, "--out", tmp_path / "o", *RULE, "--as-of", on(day))
    before = [r for r in rows if r[1] // DAY <= day]
    assert any(r[1] // DAY == day for r in rows), "the day itself counts"
    assert told_in(tmp_path / "o") == expected(before, day)
    report = report_in(tmp_path / "o")
    assert report["after_as_of"] == len(rows) - len(before) > 0
    assert report["crossings"] == len(before)
    assert report["persons"]["known"] == len({r[0] for r in before})
    assert f"{report['after_as_of']:,} crossings after that day left out" in printed


def test_processors_make_no_difference(tmp_path, monkeypatch):
    file = write(tmp_path / "f.parquet", histories(40, 9))
    classify(file, "--out", tmp_path / "o", *RULE, "--csv", "--history", tmp_path / "h")
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    classify(file, "--out", tmp_path / "p", *RULE, "--csv", "--history", tmp_path / "i")
    assert tree(tmp_path / "o") == tree(tmp_path / "p")
    assert tree(tmp_path / "h") == tree(tmp_path / "i")


def test_results_are_replaced_and_other_things_are_left_alone(tmp_path, monkeypatch):
    file = write(tmp_path / "f.parquet", histories(20, 10))
    other = write(tmp_path / "g.parquet", histories(20, 11))
    out = tmp_path / "o"
    assert classify(file, "--out", out, *RULE, "--csv", "--quiet") == ""
    assert classify(other, "--out", tmp_path / "fresh", *RULE, "--quiet") == ""
    left = out.with_name(".o.run-0")  # of a run that was killed
    left.mkdir()
    (left / ".buckets").write_text("x")
    classify(other, "--out", out, *RULE)
    assert tree(out) == tree(tmp_path / "fresh")
    (out / "mine.txt").write_text("x")
    before = tree(tmp_path)
    assert "mine.txt" in refused(StoreError, file, "--out", out, *RULE)
    assert "a file" in refused(StoreError, other, "--out", file, *RULE)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert "you are in" in refused(StoreError, file, "--out", ".", *RULE)
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "empty", "f.parquet", "fresh", "g.parquet", "o",
    ]  # fmt: skip


def months_of(rows):
    """Return rows by month, in order."""
    found = defaultdict(list)
    for row in rows:
        found[f"{on(row[1] // DAY):%Y-%m}"].append(row)
    return [found[month] for month in sorted(found)]


class Office:
    """Keeps rows told by delivery after delivery, by person, day and direction."""

    def __init__(self, folder, *rule):
        self.folder, self.rule, self.rows, self.parts = folder, rule, {}, 0

    def gets(self, rows, *words):
        self.parts += 1
        file = write(self.folder / f"in/{self.parts}.parquet", rows)
        return self.runs(file, *words)

    def runs(self, *words):
        out, kept = self.folder / "month", self.folder / "kept"
        classify(*words, "--out", out, "--history", kept, *self.rule)
        self.told = told_in(out, pq.read_schema(out / "crossings.parquet").names)
        self.before = dict(self.rows)
        self.rows |= {row[:3]: row for row in self.told}
        assert report_in(out)["rows_written"] == len(self.told)
        return report_in(out)

    def standing(self):
        """Return all rows as told last."""
        return sorted(self.rows.values(), key=lambda r: (str(r[0]), r[1]))


@pytest.mark.parametrize(
    ("late", "whole", "words"),
    [(True, False, ()), (True, True, ("--gaps", "unknown")),
     pytest.param(False, False, (), marks=pytest.mark.slow),
     pytest.param(True, False, ("--first", "undecided", "--window", 9, "--threshold", 9),
                  marks=pytest.mark.slow)],
)  # fmt: skip
def test_month_by_month_says_what_one_run_says(tmp_path, late, whole, words):
    rows = histories(40, 12, span=140, alone=True, whole=whole)
    deliveries = months_of(rows)
    assert len(deliveries) == 5
    if late:  # some of each month come with the next
        held = [part[: len(part) // 8] for part in deliveries]
        deliveries = [held[k - 1] * (k > 0) + part[len(part) // 8 * (k < 4) :]
                      for k, part in enumerate(deliveries)]  # fmt: skip
    office, so_far = Office(tmp_path, *RULE, *words), []
    for number, part in enumerate(deliveries):
        so_far += part
        report = office.gets(part)
        known = {r[0] for r in so_far}
        assert report["persons"]["known"] == len(known)
        assert report["persons"]["with_new_crossings"] == len({r[0] for r in part})
        assert report["crossings"] == len(part)
        assert (report["persons"]["with_late_ones"] > 0) == (late and number > 0)
        if not late:
            same = [k for k, row in office.rows.items() if office.before.get(k) == row]
            again = {row[:3] for row in office.told} & set(same)
            assert not again, "what was told and has not changed is not told again"
        files = [tmp_path / f"in/{k}.parquet" for k in range(1, office.parts + 1)]
        full = tmp_path / "full"
        classify(*files, "--out", full, *RULE, *words)
        names = pq.read_schema(full / "crossings.parquet").names
        assert office.standing() == told_in(full, names)
        assert (tmp_path / "month/summary.csv").read_text() == (full / "summary.csv").read_text()
    if not words:
        assert office.standing() == expected(rows, max(r[1] for r in rows) // DAY)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full", "in", "kept", "month"]


def test_a_repeated_file_is_named_and_changes_nothing(tmp_path):
    rows = histories(30, 13, alone=True)
    office = Office(tmp_path, *RULE)
    office.gets(rows)
    kept = tree(tmp_path / "kept")
    summary = (tmp_path / "month/summary.csv").read_text()
    again = tmp_path / "in/again.parquet"
    again.write_bytes((tmp_path / "in/1.parquet").read_bytes())
    report = office.runs(again)
    assert report["files"] == {"read": 0, "known": ["again.parquet"], "other": [], "unreadable": {}}
    assert (report["crossings"], report["rows_written"]) == (0, 0)
    assert (tmp_path / "month/summary.csv").read_text() == summary
    assert tree(tmp_path / "kept") == kept
    printed = classify(again, "--out", tmp_path / "month", "--history", tmp_path / "kept", *RULE)
    assert "already there, left out: again.parquet" in printed


@pytest.mark.parametrize("whole", [False, True])
def test_rows_that_were_there_are_put_aside(tmp_path, whole):
    rows = histories(30, 14, alone=True, whole=whole)
    office = Office(tmp_path, *RULE)
    office.gets(rows[:50])
    kept = {n: b for n, b in tree(tmp_path / "kept").items() if n != "history.json"}
    report = office.gets(rows[20:50][::-1])
    assert report["put_aside"] == {"duplicate": 30}
    assert (report["crossings"], report["persons"]["with_new_crossings"]) == (0, 0)
    aside = pq.read_table(tmp_path / "month/quarantine.parquet").to_pylist()
    assert {r["reason"] for r in aside} == {"duplicate"}
    found = {(r["person_id"], r["crossed"][:16], r["direction"]) for r in aside}
    assert found == {
        (str(who), f"{on(minute // DAY)} {minute % DAY // 60:02}:{minute % 60:02}",
         ("departure", "arrival")[arrival])
        for who, minute, arrival in rows[20:50]
    }  # fmt: skip
    same = {n: b for n, b in tree(tmp_path / "kept").items() if n != "history.json"}
    assert same == kept
    report = office.gets(rows[40:] + rows[60:70])  # ten were there, ten come twice
    assert report["put_aside"] == {"duplicate": 20}
    assert office.standing() == expected(rows, max(r[1] for r in rows) // DAY)


def test_histories_of_other_choices_are_refused(tmp_path, monkeypatch):
    rows = histories(20, 15, alone=True)
    office = Office(tmp_path, *RULE)
    office.gets(rows[::2])
    more = write(tmp_path / "more.parquet", rows[1::2])
    numbers = write(tmp_path / "numbers.parquet", histories(20, 15, whole=True))
    before = tree(tmp_path)
    here = (more, "--out", tmp_path / "month", "--history", tmp_path / "kept")
    for words in (
        ("--window", 12, "--threshold", 9), (*RULE, "--window", 9, "--threshold", 9), (),
        (*RULE, "--gaps", "unknown"), (*RULE, "--first", "undecided"),
    ):  # fmt: skip
        assert "other choices" in refused(StoreError, *here, *words)
    assert "not as in the histories" in refused(SourceError, numbers, *here[1:], *RULE)
    earlier = on(max(r[1] for r in rows[::2]) // DAY - 1)
    assert "as of that day" in refused(StudyError, *here, *RULE, "--as-of", earlier)
    key = tmp_path.with_name(tmp_path.name + "-key")
    key.write_bytes(bytes(range(32)))
    monkeypatch.setenv("RAVENSTEIN_IDENTITY_KEY_FILE", str(key))
    assert "another identity key" in refused(StoreError, *here, *RULE)
    monkeypatch.delenv("RAVENSTEIN_IDENTITY_KEY_FILE")
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "in", "kept", "month", "more.parquet", "numbers.parquet",
    ]  # fmt: skip
    office.runs(more)
    assert office.standing() == expected(rows, max(r[1] for r in rows) // DAY)


def test_an_identity_key_spreads_persons_and_changes_no_answer(tmp_path, monkeypatch):
    rows = histories(30, 16, alone=True)
    file = write(tmp_path / "f.parquet", rows)
    classify(file, "--out", tmp_path / "o", *RULE, "--history", tmp_path / "h")
    (tmp_path / "key").write_bytes(bytes(range(32)))
    monkeypatch.setenv("RAVENSTEIN_IDENTITY_KEY_FILE", str(tmp_path / "key"))
    classify(file, "--out", tmp_path / "p", *RULE, "--history", tmp_path / "i")
    assert told_in(tmp_path / "o") == told_in(tmp_path / "p")
    one, other = tree(tmp_path / "h"), tree(tmp_path / "i")
    assert sum(one[name] != other[name] for name in one if name.endswith(".npy")) > 20
    secret = bytes(range(32))
    assert not any(secret in b or secret.hex().encode() in b for b in other.values())


def test_decisions_pass_with_time(tmp_path):
    rows = histories(30, 17, alone=True)
    office, last = Office(tmp_path, *RULE), max(r[1] for r in rows) // DAY
    office.gets(rows)
    passed = 0
    for day in (last, last + 3, last + 20):
        report = office.runs("--as-of", on(day))
        assert office.standing() == expected(rows, day)
        assert summary_in(tmp_path / "month") == summed(office.standing())
        passed += report["persons"]["decided_by_time"]
        assert (report["persons"]["decided_by_time"] > 0) == (day > last)
        assert (report["rows_written"] > 0) == (day > last)
        assert (report["crossings"], report["as_of"]) == (0, str(on(day)))
    assert all(row[3] is not None for row in office.standing())
    assert office.runs("--as-of", on(last + 40))["rows_written"] == 0
    assert "no file" in refused(SourceError, "--out", tmp_path / "p", *RULE)


@pytest.mark.parametrize("gaps", ["middle", "median"])
def test_what_is_put_in_may_move_with_a_later_delivery(tmp_path, gaps):
    rows = histories(30, 23, span=100, alone=True)
    words = ("--gaps", gaps, *(("--median", 2, 3) * (gaps == "median")))
    office = Office(tmp_path, *RULE, *words)
    for part in months_of(rows):
        office.gets(part)
    files = [tmp_path / f"in/{k}.parquet" for k in range(1, office.parts + 1)]
    classify(*files, "--out", tmp_path / "full", *RULE, *words)
    told = told_in(tmp_path / "full", [*COLUMNS, "sequence"])
    assert len(told) > len(rows) + 20
    # one that was put in and has moved is not taken back, but no other row is amiss
    standing = {row[:7] for row in office.rows.values()}
    alone = {k: n for k, n in Counter(row[:3] for row in told).items() if n == 1}
    assert len(alone) > len(rows)
    assert {row[:7] for row in told if row[:3] in alone} <= standing
    assert (tmp_path / "month/summary.csv").read_text() == (
        tmp_path / "full/summary.csv"
    ).read_text()


def test_a_crossing_that_comes_after_all_was_decided_without_it(tmp_path):
    rows = histories(30, 24, alone=True)
    office, day = Office(tmp_path, *RULE), max(r[1] for r in rows) // DAY + 30
    office.gets(rows[::3], "--as-of", on(day))
    assert all(row[3] is not None for row in office.standing())
    report = office.gets(rows[1::3] + rows[2::3])
    assert report["as_of"] == report["told_before"] == str(on(day))
    late = report["persons"]["with_late_ones"]
    assert late == report["persons"]["with_new_crossings"] > 0
    assert office.standing() == expected(rows, day)
    assert summary_in(tmp_path / "month") == summed(office.standing())


def test_a_run_that_ends_before_histories_are_in_place_can_be_run_again(tmp_path, monkeypatch):
    rows = histories(30, 25, alone=True)
    office, published = Office(tmp_path, *RULE), []
    office.gets(rows[::2])
    more = write(tmp_path / "more.parquet", rows[1::2])
    before = tree(tmp_path / "kept")

    def one_and_no_more(folder, run):
        published.append(folder.name)
        if len(published) > 1:
            raise KeyboardInterrupt
        publish_folder(folder, run)

    with monkeypatch.context() as ended, pytest.raises(KeyboardInterrupt):
        ended.setattr(pipeline, "publish_folder", one_and_no_more)
        pipeline.classify_files(
            [more], tmp_path / "month",
            BorderJob(history=tmp_path / "kept", treatment=Treatment((ResidenceRule(12, 8),))),
        )  # fmt: skip
    assert published == ["month", "kept"]
    assert tree(tmp_path / "kept") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "kept", "month", "more.parquet"]
    told = told_in(tmp_path / "month")
    office.runs(more)
    assert office.told == told
    assert office.standing() == expected(rows, max(r[1] for r in rows) // DAY)


def test_crossings_left_out_after_the_day_come_in_with_their_file_later(tmp_path):
    rows, day = histories(30, 18, alone=True), BEGIN + 20
    office = Office(tmp_path, *RULE)
    report = office.gets(rows, "--as-of", on(day))
    assert report["after_as_of"] > 0
    office.runs(tmp_path / "in/1.parquet")
    assert office.standing() == expected(rows, max(r[1] for r in rows) // DAY)


def test_a_folder_that_holds_no_histories_is_refused(tmp_path):
    file = write(tmp_path / "f.parquet", histories(10, 19))
    (tmp_path / "h").mkdir()
    (tmp_path / "h/mine.txt").write_text("x")
    for kept in (tmp_path / "h", file):
        error = refused(StoreError, file, "--out", tmp_path / "o", *RULE, "--history", kept)
        assert "no histories" in error
    assert (tmp_path / "h/mine.txt").read_text() == "x"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.parquet", "h"]


def test_what_else_is_put_beside_histories_is_not_thrown_away(tmp_path):
    rows = histories(20, 20, alone=True)
    office = Office(tmp_path, *RULE)
    office.gets(rows[::2])
    (tmp_path / "kept/note.txt").write_text("mine")
    more = write(tmp_path / "more.parquet", rows[1::2])
    assert "note.txt" in refused(StoreError, more, "--out", tmp_path / "month", "--history",
                                 tmp_path / "kept", *RULE)  # fmt: skip
    assert (tmp_path / "kept/note.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("out", "kept"),
    [("x", "x"), ("x", "x/kept"), ("x/out", "x"), ("o", "o/kept"), ("h/out", "h"), ("h", "h")],
)
def test_results_and_histories_are_apart(tmp_path, out, kept):
    rows = histories(10, 21)
    file = write(tmp_path / "f.parquet", rows[::2])
    classify(file, "--out", tmp_path / "o", "--history", tmp_path / "h", *RULE)
    more = write(tmp_path / "g.parquet", rows[1::2])
    before = tree(tmp_path)
    refused(StoreError, more, "--out", tmp_path / out, "--history", tmp_path / kept, *RULE)
    assert tree(tmp_path) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["f.parquet", "g.parquet", "h", "o"]


def test_histories_that_are_damaged_are_told_and_left(tmp_path):
    rows = histories(20, 22, alone=True)
    office = Office(tmp_path, *RULE)
    office.gets(rows[::2])
    more = write(tmp_path / "more.parquet", rows[1::2])
    bucket = tmp_path / "kept/0001.npy"
    bucket.write_bytes(bucket.read_bytes()[:-40])
    before = tree(tmp_path)
    words = (more, "--out", tmp_path / "month", "--history", tmp_path / "kept", *RULE)
    assert "kept" in refused(StoreError, *words)
    assert tree(tmp_path) == before
