"""`ravenstein passenger-survey` on files as an office has them: own names, codes and files."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import read_csv
from tests.naive_survey import naive_weights, simulated_month
from typer.testing import CliRunner

from ravenstein import cli
from ravenstein.core.errors import StudyError
from ravenstein.store.files import as_declared, write_csv
from ravenstein.tables.dictionary import declared

N = 1500
# how the office's files differ: shifts without the number sampled, arrivals as A, three of traffic
STUDY = """
[study]
title = "Survey of a month"
producer = "An office"
draws = 20

[passenger_survey]
trim_above = 30.0

[sample_design]
migration_interval = 10

[[sample_design.new_routes]]
portroute = 999
possible = 90
passengers = 20000

[[sources]]
kind = "survey_contacts"
file = "extract.csv"
columns = { serial = "SERIAL", arrivedepart = "DIRECTION", sex = "GENDER" }
codes = { sex = { "1" = "M", "2" = "F" } }
"""
REFERENCE = """
[[sources]]
kind = "survey_{kind}"
file = "{file}"
constants = {{ month = 2017-12-01 }}
"""
TRAFFIC = ("air", "sea", "tunnel")


def rows_of(made, kind):
    table = declared(f"survey_{kind}")
    columns = {}
    for name in table.names:
        values = made[kind][name]
        numeric = values.dtype.kind == "f"
        columns[name] = pa.array(values, from_pandas=numeric)
    return as_declared(table, pa.table(columns))


def renamed(rows, **names):
    own = {old: new for new, old in names.items()}
    return rows.rename_columns([own.get(name, name) for name in rows.column_names])


@pytest.fixture
def office(tmp_path):
    """A month in an office's files, and what it was made of."""
    folder = tmp_path / "office"
    folder.mkdir()
    made = simulated_month(N, 3)
    contacts = rows_of(made, "contacts")
    sex = pa.array(["1" if s == "M" else "2" for s in contacts["sex"].to_pylist()])
    contacts = contacts.set_column(contacts.column_names.index("sex"), "sex", sex)
    contacts = renamed(contacts, SERIAL="serial", DIRECTION="arrivedepart", GENDER="sex")
    text = STUDY
    write_csv(contacts, folder / "extract.csv")
    for kind in ("shifts", "nonresponse", "traffic", "unsampled"):
        rows = rows_of(made, kind).drop_columns(["month", "record"])
        files = [f"{kind}.csv"]
        if kind == "traffic":
            files = [f"traffic_{mode}.csv" for mode in TRAFFIC]
            routes = rows["portroute"].to_numpy()
            parts = [routes < 600, (routes >= 600) & (routes < 800), routes >= 800]
            for file, chosen in zip(files, parts, strict=True):
                write_csv(rows.filter(pa.array(chosen)), folder / file)
        elif kind == "unsampled":  # an office that numbers the rows
            files = ["numbered.csv"]
            numbered = rows.append_column("record", pa.array(range(rows.num_rows)))
            write_csv(numbered, folder / files[0])
        else:
            write_csv(rows, folder / files[0])
        text += "".join(REFERENCE.format(kind=kind, file=file) for file in files)
    (folder / "study.toml").write_text(text)
    return folder, made


def ravenstein(*words):
    result = CliRunner().invoke(cli.app, list(map(str, words)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_chain_runs_alone_on_an_offices_files(office, tmp_path):
    folder, made = office
    given = {name: made[name] for name in ("contacts", "shifts", "nonresponse", "traffic",
                                           "unsampled")}  # fmt: skip
    study = (folder / "study.toml").read_text()
    (folder / "study.toml").write_text(study.replace("trim_above = 30.0", ""))
    summary = json.loads(ravenstein("passenger-survey", folder, tmp_path / "out", "--json"))
    assert summary["status"] == "complete"
    out = tmp_path / "out"
    found = {path.name for path in (out / "release").iterdir()}
    assert {"index.html", "survey.html", "survey-quality.html", "survey-design.html"} <= found
    assert not found & {"areas", "areas.html", "compare.html", "migration.html", "joint.html"}
    ravenstein("export", "survey_weights", tmp_path / "w.parquet", "--dir", out)
    weights = pq.read_table(tmp_path / "w.parquet").to_pandas().set_index("serial")
    slow = naive_weights(**given).set_index("serial").loc[weights.index]
    assert weights["final"].to_numpy() == pytest.approx(slow["final"].to_numpy(), rel=1e-12)
    page = (out / "release/survey.html").read_text()
    assert "20 bootstrap samples" in page
    assert 'href="survey-quality.html"' in page
    assert "areas/" not in page
    told = ravenstein("explain", "survey_weights", "--dir", out)
    assert "serial=" not in told, "rows of people are counted, not shown"
    assert "../office/extract.csv" in told
    assert "unchanged" in told
    serial = int(weights.index[0])
    line = ravenstein("explain", "survey_contacts", "--where", f"serial={serial}", "--dir", out)
    assert "1 rows: SERIAL in" in line, "the line of the office's own file"
    with pytest.raises(StudyError, match="cannot hold draws"):
        ravenstein("export", "survey_migrants", tmp_path / "m.csv", "--dir", out)
    checked = ravenstein("check", folder)
    assert "traffic_air.csv: " in checked


@pytest.mark.slow
def test_weights_in_the_full_sample_are_those_of_the_slow_chain():
    from ravenstein.passenger_survey.chain import Month, Rules, weigh

    made = simulated_month(20_000, 1)
    given = Month(**made)
    rng = np.random.default_rng(4)
    _, shift = np.unique(made["contacts"]["shiftno"], return_inverse=True)
    factor = rng.choice([0.5, 1.0, 1.5], shift.max() + 1)[shift]
    for decimals in (None, 3):
        for drawn in (None, factor):
            slow = naive_weights(**made, decimals=decimals, factor=drawn)
            carried = np.ones(20_000) if drawn is None else drawn
            fast = weigh(given, carried[:, None], Rules(decimals))
            assert not any(" joined, " in note for _, note in fast.notes)
            assert fast.final[:, 0] == pytest.approx(slow["final"].to_numpy(), rel=1e-12)
            if drawn is None:
                for name, stage in fast.stages.items():
                    assert stage.own == pytest.approx(slow[name].to_numpy(), rel=1e-12), name


def test_rules_and_their_effects_stand_on_the_page(office, tmp_path):
    folder, _ = office
    ravenstein("passenger-survey", folder, tmp_path / "out")
    page = (tmp_path / "out/release/survey-quality.html").read_text()
    assert "Largest weights cut off" in page
    effects = pq.read_table(tmp_path / "out/release/downloads/survey_rules.parquet").to_pylist()
    assert {row["rule"] for row in effects} == {"trim_above"}
    flows = pq.read_table(tmp_path / "out/release/downloads/survey_flows.parquet").to_pylist()
    whole = {r["flow"]: r["persons"] for r in flows if r["by"] == "all"}
    assert {r["flow"]: r["persons"] for r in effects} == pytest.approx(whole)


def test_a_sample_design_is_proposed_at_the_present_cost(office, tmp_path):
    folder, made = office
    ravenstein("passenger-survey", folder, tmp_path / "out")
    downloads = tmp_path / "out/release/downloads"
    rows = pq.read_table(downloads / "survey_allocation.parquet").to_pylist()
    frontier = pq.read_table(downloads / "survey_frontier.parquet").to_pylist()
    cost = sum(row["ordinary"] + 0.6 * row["migration"] for row in rows)
    (present,) = [row for row in frontier if row["design"] == "present"]
    assert present["cost"] == sum(row["present"] for row in rows) == made["shifts"]["sampled"].sum()
    (proposed,) = [row for row in frontier if row["design"] == "proposed"]
    assert proposed["cost"] == pytest.approx(cost)
    assert cost <= present["cost"] + 1e-9
    assert cost > present["cost"] - 1
    new = [row for row in rows if row["portroute"] == 999]
    assert len(new) == 8
    assert all(row["present"] == 0 and row["ordinary"] + row["migration"] >= 2 for row in new)
    for row in rows:
        assert row["ordinary"] >= row["present"] / 2
        assert row["ordinary"] + row["migration"] <= row["possible"]
    errors = [row["net"] for row in frontier if row["design"] == "frontier"]
    assert errors == sorted(errors, reverse=True)
    # the error of the present design is the published one
    flows = pq.read_table(downloads / "survey_flows.parquet").to_pylist()
    published = {r["flow"]: r["standard_error"] for r in flows if r["by"] == "all"}
    assert present["immigration"] == pytest.approx(published["immigration"])


def test_two_designs_side_by_side(tmp_path):
    for name, months in (("old", ("2016-12", "2017-12")), ("new", ("2017-12", "2018-12"))):
        folder = tmp_path / name
        folder.mkdir()
        parts = [simulated_month(N, i + len(name), month) for i, month in enumerate(months)]
        for i, made in enumerate(parts):
            made["contacts"]["serial"] = made["contacts"]["serial"] + i * N
        for kind in ("contacts", "shifts", "nonresponse", "traffic", "unsampled"):
            rows = pa.concat_tables([rows_of(made, kind) for made in parts])
            write_csv(rows, folder / f"survey_{kind}.csv")
        ravenstein("passenger-survey", folder, tmp_path / f"{name}-out")
    told = ravenstein("series-break", tmp_path / "old-out", tmp_path / "new-out", tmp_path)
    assert "immigration: ratio new to old" in told
    breaks = {row["flow"]: row for row in read_csv(tmp_path / "survey_break.csv").to_pylist()}
    series = {
        (row["flow"], row["year"], row["basis"]): row
        for row in read_csv(tmp_path / "survey_series.csv").to_pylist()
    }
    persons = {key: row["persons"] for key, row in series.items()}
    for flow in ("immigration", "emigration"):
        effect = breaks[flow]["effect"]
        assert breaks[flow]["lower"] < effect < breaks[flow]["upper"]
        both = persons[flow, 2017, "new"], persons[flow, 2017, "old"]
        assert effect == pytest.approx(both[0] / both[1])
        assert persons[flow, 2016, "new"] == pytest.approx(persons[flow, 2016, "old"] * effect)
        assert persons[flow, 2018, "old"] == pytest.approx(persons[flow, 2018, "new"] / effect)
        assert not series[flow, 2018, "old"]["measured"]
        relative = {
            basis: series[flow, 2016, basis]["standard_error"] / persons[flow, 2016, basis]
            for basis in ("old", "new")
        }
        assert relative["new"] > relative["old"], "a converted year has the effect's error too"
    assert breaks["net"]["kind"] == "difference"
    for year in (2016, 2017, 2018):
        net = persons["immigration", year, "new"] - persons["emigration", year, "new"]
        assert persons["net", year, "new"] == pytest.approx(net)


def test_a_parallel_run_of_other_months_is_refused(tmp_path):
    from ravenstein.core.errors import SurveyError

    for name, month in (("old", "2017-11"), ("new", "2017-12")):
        folder = tmp_path / name
        folder.mkdir()
        made = simulated_month(N, 1, month)
        for kind in ("contacts", "shifts", "nonresponse", "traffic", "unsampled"):
            write_csv(rows_of(made, kind), folder / f"survey_{kind}.csv")
        ravenstein("passenger-survey", folder, tmp_path / f"{name}-out")
    with pytest.raises(SurveyError, match="all months of a year") as caught:
        ravenstein("series-break", tmp_path / "old-out", tmp_path / "new-out", tmp_path)
    assert "2017-11 in one only" in caught.value.found


def test_months_without_migrants_are_figures_too(tmp_path):
    made = simulated_month(N, 3)
    contacts = made["contacts"]
    stated = contacts["stay_stated"] == "12_months_or_more"
    kept = contacts["response"] != 4
    contacts["stay_stated"] = np.where(stated, "under_3_months", contacts["stay_stated"])
    made["contacts"] = {name: values[kept] for name, values in contacts.items()}
    folder = tmp_path / "files"
    folder.mkdir()
    for kind in ("contacts", "shifts", "nonresponse", "traffic", "unsampled"):
        rows = rows_of(made, kind)
        # files need not number their rows
        write_csv(rows.drop_columns("record") if kind != "contacts" else rows,
                  folder / f"survey_{kind}.csv")  # fmt: skip
    (folder / "study.toml").write_text(
        '[study]\ntitle = "t"\nproducer = "p"\ndraws = 10\n[sample_design]\n'
        + "".join(f'[[sources]]\nkind = "survey_{k}"\nfile = "survey_{k}.csv"\n' for k in (
            "contacts", "shifts", "nonresponse", "traffic", "unsampled"))
    )  # fmt: skip
    ravenstein("passenger-survey", folder, tmp_path / "out")
    page = (tmp_path / "out/release/index.html").read_text()
    assert "In 1 month of 2017 an estimated 0 people came to live here" in page
    flows = pq.read_table(tmp_path / "out/release/downloads/survey_flows.parquet").to_pylist()
    assert [(r["flow"], r["persons"], r["standard_error"], r["months"]) for r in flows] == [
        ("emigration", 0, None, 1), ("immigration", 0, None, 1), ("net", 0, None, 1)]  # fmt: skip


def test_files_named_as_their_tables_need_no_study(tmp_path):
    made = simulated_month(N, 3)
    folder = tmp_path / "files"
    folder.mkdir()
    for kind in ("contacts", "shifts", "nonresponse", "traffic", "unsampled", "imbalance"):
        write_csv(rows_of(made, kind), folder / f"survey_{kind}.csv")
    out = json.loads(ravenstein("passenger-survey", folder, tmp_path / "out", "--json"))
    assert out["tables"]["survey_weights"]["rows"] == N
    effects = pq.read_table(tmp_path / "out/release/downloads/survey_rules.parquet").to_pylist()
    assert {row["rule"] for row in effects} == {"imbalance"}


def mistakes():
    return [
        (lambda f: repeat_first_line(f / "extract.csv"), "survey_contacts' breaks", "serial"),
        (lambda f: repeat_first_line(f / "numbered.csv"), "Rows of a file have the same number",
         "1 of"),
        (lambda f: (f / "shifts.csv").unlink(), "does not hold rows", "nothing of that name"),
        (lambda f: change(f / "study.toml", 'kind = "survey_shifts"', 'kind = "survey_traffic"'),
         "Sources of the passenger survey are missing", "survey_shifts"),
        (lambda f: change(f / "study.toml", '"1" = "M", ', ""), "Codes are not among",
         "1 other codes in"),
        (lambda f: change(f / "study.toml", "2017-12-01", '"x"'), "constant is not of its", "str"),
        (lambda f: change(f / "study.toml", "serial =", "seriel ="), "no such column", "seriel"),
        (lambda f: change(f / "study.toml", "2017-12-01", "2018-12-01"), "without interviews",
         "2018-12"),
    ]  # fmt: skip


def repeat_first_line(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1]]) + "\n")


def change(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1 if "kind" in old else -1))


@pytest.mark.parametrize("number", range(len(mistakes())))
def test_what_is_wrong_with_the_files_is_told_and_nothing_is_left(office, tmp_path, number):
    from ravenstein.core.errors import RavensteinError

    folder, _ = office
    make, problem, found = mistakes()[number]
    make(folder)
    with pytest.raises(RavensteinError) as caught:
        ravenstein("passenger-survey", folder, tmp_path / "out")
    assert problem in caught.value.problem
    assert found in str(caught.value)
    assert not (tmp_path / "out/release").exists()
    assert not re.search(r"serial=\d", str(caught.value))


def test_a_study_is_not_replaced_and_a_folder_without_files_is_told(office, tmp_path):
    folder, _ = office
    with pytest.raises(StudyError, match="take the place of a study"):
        ravenstein("passenger-survey", folder, folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="no files of the passenger survey"):
        ravenstein("passenger-survey", tmp_path / "empty", tmp_path / "out")
