"""The passenger survey's chain: months, small cells, contradictions, migrants."""

from dataclasses import replace

import numpy as np
import pytest

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey.cells import cells
from ravenstein.passenger_survey.chain import ORDER, Month, Rules, factors, weigh
from ravenstein.passenger_survey.collapse import collapsed, settled
from ravenstein.passenger_survey.imputation import imputed_nights
from ravenstein.passenger_survey.migrants import (
    Totals,
    described,
    flows,
    long_term,
    short_term,
)
from ravenstein.passenger_survey.quality import cell_report, extremes
from ravenstein.passenger_survey.results import results


def month(n=400, seed=1):
    """A made month: two routes, two directions, ten shifts each."""
    g = np.random.default_rng(seed)
    route, direction = g.choice([110, 610], n), g.integers(1, 3, n)
    shift = (route * 10 + direction) * 10 + g.integers(0, 10, n)
    ones = np.ones(n, dtype=np.int64)
    response = g.choice([1, 1, 1, 3, 4], n)
    coming = (g.random(n) < 0.5) | (response == 4)  # on the way out; the others on the way back
    flow = np.where(direction == 1, np.where(coming, 3, 4), np.where(coming, 2, 1))
    flow = flow + np.where(route == 610, 4, 0)
    stated = np.where(g.random(n) < 0.2, "12_months_or_more", "under_3_months").astype(object)
    stated[response == 4] = "12_months_or_more"
    stated[np.isin(flow, (1, 4, 5, 8))] = None
    names = ("shift", "nonresponse", "minimums", "traffic")
    contacts = {
        "serial": np.arange(n), "interviewed_on": np.full(n, "2017-12-05", dtype="datetime64[D]"),
        "portroute": route, "arrivedepart": direction, "weekday": ones, "am_pm_night": ones,
        **{f"{name}_group": route.astype(str).astype(object) for name in names},
        "unsampled_group": np.where(route == 110, "air", "sea").astype(object),
        "minimums_country": np.where(g.random(n) < 0.5, "UK", None),
        "unsampled_region": g.choice(np.array(["country", "europe"], dtype=object), n),
        "shiftno": shift, "shuttle": np.where(route == 610, 1.0, np.nan),
        "migsi": ones * 2, "tandtsi": ones * 6, "response": response, "flow": flow.astype(float),
        "country": np.full(n, "eu15", dtype=object),
        "citizenship": np.full(n, "british", dtype=object),
        "sex": np.full(n, "F", dtype=object), "age": np.full(n, 30.0),
        "purpose": g.choice(np.array(["formal_study", "holiday"], dtype=object), n),
        "stay_stated": stated, "area": np.full(n, None, dtype=object),
        "nights": np.where(np.isin(flow, (1, 4, 5, 8)), g.integers(1, 300, n), np.nan),
    }  # fmt: skip
    cells_of = np.array([(r, d) for r in (110, 610) for d in (1, 2)])
    base = {"portroute": cells_of[:, 0], "arrivedepart": cells_of[:, 1],
            "month": np.full(4, "2017-12-01", dtype="datetime64[D]"),
            **{f"{name}_group": cells_of[:, 0].astype(str).astype(object) for name in names},
            "unsampled_group": np.where(cells_of[:, 0] == 110, "air", "sea").astype(object),
            }  # fmt: skip
    ones = np.ones(4, dtype=np.int64)
    shifts = base | {
        "weekday": ones,
        "am_pm_night": ones,
        "possible": ones * 60,
        "sampled": ones * 10,
    }
    silent = base | {"weekday": ones, "migtotal": ones * 25, "ordtotal": ones * 0}
    traffic = base | {"passengers": ones * 9000}
    unsampled = {name: values[:2] for name, values in base.items()} | {
        "unsampled_region": np.array(["country", "elsewhere"], dtype=object),
        "passengers": np.array([500, 700]),
    }
    return Month(contacts, shifts, silent, traffic, unsampled)


def changed(given, table, **columns):
    return replace(given, **{table: {**getattr(given, table), **columns}})


def test_the_chain_ends_at_the_passengers_in_every_replicate():
    given = month()
    drawn, _ = factors(given.contacts, 30, np.random.default_rng(2))
    found = weigh(given, drawn)
    assert found.final.sum(axis=0) == pytest.approx(np.full(31, 4 * 9000 + 1200))
    assert found.final[:, 1:].std(axis=1).max() > 0
    # elsewhere has passengers but no respondents: joined with the smaller of its neighbours
    ((stage, note),) = found.notes[-1:]
    assert stage == "unsampled"
    assert note in {f"air/{kind}+elsewhere/2 joined, 1 of them too small"
                    for kind in ("country", "europe")}  # fmt: skip
    plain = weigh(given, np.ones((400, 1)))
    assert plain.final[:, 0] == pytest.approx(found.final[:, 0])
    legacy = weigh(given, np.ones((400, 1)), Rules(decimals=3))
    assert legacy.final.sum() == pytest.approx(plain.final.sum(), rel=2e-3)
    assert not np.array_equal(legacy.final, plain.final)


def test_routes_number_their_own_shifts():
    contacts = dict(month().contacts)
    contacts["shiftno"] = contacts["shiftno"] % 10
    drawn, lonely = factors(contacts, 40, np.random.default_rng(2))
    assert lonely == 0
    keys = np.stack([contacts[n] for n in ("portroute", "arrivedepart", "shiftno")])
    units, first = np.unique(keys, axis=1, return_index=True)
    assert units.shape[1] == 40
    assert np.unique(drawn[first], axis=0).shape[0] > 35, "each drawn on its own"


def test_shifts_and_crossings_of_a_stratum_have_their_own_frames():
    given = month()
    alike = {"shift_group": np.full(400, "one", dtype=object)}
    frame = {"shift_group": np.full(4, "one", dtype=object)}
    found = weigh(
        changed(changed(given, "contacts", **alike), "shifts", **frame), np.ones((400, 1))
    )
    usual = weigh(given, np.ones((400, 1)))
    assert found.stages["shift"].own.tolist() == usual.stages["shift"].own.tolist()
    without = given.contacts["shuttle"].copy()
    without[np.flatnonzero(given.contacts["portroute"] == 610)[:2]] = np.nan
    with pytest.raises(SurveyError, match="number of the crossing") as caught:
        weigh(changed(given, "contacts", shuttle=without), np.ones((400, 1)))
    assert caught.value.found == "2 interviews without"


def test_a_shift_alone_is_kept_as_certain():
    contacts = {name: values[:1] for name, values in month().contacts.items()}
    drawn, lonely = factors(contacts, 5, np.random.default_rng(3))
    assert drawn.tolist() == [[1.0] * 6]
    assert lonely == 1


def test_small_cells_are_joined_with_the_smallest_neighbour():
    # A 1, B 5, C 3 interviews in one neighbourhood, D 1 alone in another
    held = np.ones(10, dtype=bool)
    cell = ["A"] + ["B"] * 5 + ["C"] * 3 + ["D"]
    around = [1] * 9 + [2]
    sides, told = collapsed(
        held, ([cell], [["A", "B", "C", "D"]]), [7, 7, 7, 7], ([around], [[1, 1, 1, 2]]),
        gives_way=0, least=2,
    )  # fmt: skip
    assert sides[0][0].tolist() == ["A+C"] + ["B"] * 5 + ["A+C"] * 3 + ["D"]
    assert sides[1][0].tolist() == ["A+C", "B", "A+C", "D"]
    assert told == ["A+C joined, 1 of them too small", "D too small, without a neighbour"]


def test_a_cell_that_a_replicate_empties_is_joined_in_that_replicate():
    # A 1, B 2, C 2 interviews: the first replicate empties A, the second A and B, the third none
    known = cells([np.array(["A", "B", "B", "C", "C"])])
    around = ([np.ones(5)],)
    above = np.array([[10.0, 10, 10, 10], [20, 20, 20, 20], [30, 30, 30, 30]])
    below = np.array([[1.0, 0, 0, 3], [4, 2, 0, 3], [5, 4, 6, 3]])
    told = settled(above, below, known, np.array([1, 2, 2]), around)
    assert above[:, 1].tolist() == [30, 30, 30], "with B, which has as few interviews as C"
    assert below[:, 1].tolist() == [2, 2, 4]
    assert above[:, 2].tolist() == [60, 60, 60]
    assert below[:, 2].tolist() == [6, 6, 6]
    assert above[:, [0, 3]].tolist() == [[10, 10], [20, 20], [30, 30]]
    assert told == ["A + B joined in 1 of 3 replicates", "A + B + C joined in 1 of 3 replicates"]
    # two replicates empty A and hold B; only in the second is there something for A
    above, below = np.array([[5.0, 0, 3], [7, 7, 7]]), np.array([[1.0, 0, 0], [2, 1, 1]])
    pair = cells([np.array(["A", "B"])])
    assert settled(above, below, pair, np.array([1, 1]), ([np.ones(2)],)) == [
        "A + B joined in 1 of 2 replicates"
    ]
    assert above[:, 1:].tolist() == [[0, 10], [7, 10]]
    lost = np.array([[1.0, 0.0]])
    one = cells([np.array(["A"])])
    told = settled(np.array([[5.0, 5]]), lost, one, np.array([1]), ([np.ones(1)],))
    assert told == ["A left empty, without a neighbour in 1 of 1 replicates"]


def test_replicates_that_empty_cells_keep_the_totals_and_not_the_sample():
    given = month()
    rng = np.random.default_rng(3)
    drawn = np.hstack([np.ones((400, 1)), rng.choice([0.0, 1.0], (400, 40), p=[0.5, 0.5])])
    first = np.flatnonzero(given.contacts["portroute"] == 110)
    drawn[first, 1] = 0  # all of a route and its unsampled cells, in one replicate
    plain, found = weigh(given, drawn[:, :1]), weigh(given, drawn)
    assert found.final[:, 0].tolist() == plain.final[:, 0].tolist()
    by_sea = given.contacts["portroute"] == 610
    assert found.final[by_sea, 2:].sum(axis=0) == pytest.approx(np.full(39, 18000))
    assert ("traffic", "110/1 left empty, without a neighbour in 1 of 40 replicates") in found.notes


def test_strata_with_possible_shifts_and_no_interviews_are_told():
    given = month()
    more = {name: np.append(values, values[:1]) for name, values in given.shifts.items()}
    more["am_pm_night"][-1], more["sampled"][-1] = 3, 0
    notes = weigh(replace(given, shifts=more), np.ones((400, 1))).notes
    assert notes[0] == (
        "shift",
        "strata with possible shifts and no interviews: 1 (60 possible shifts); their passengers "
        "are carried by those of the same traffic cell",
    )
    unsaid = given.contacts["stay_stated"].copy()
    coming = np.isin(given.contacts["flow"], (2, 3)) & (given.contacts["response"] == 1)
    unsaid[np.flatnonzero(coming)[:5]] = None
    notes = weigh(changed(given, "contacts", stay_stated=unsaid), np.ones((400, 1))).notes
    assert any("without a stated stay: 5" in note for _, note in notes)


def test_a_shift_outside_the_frame_is_named():
    given = month()
    outside = given.contacts["am_pm_night"].copy()
    outside[np.flatnonzero(given.contacts["portroute"] == 110)[:3]] = 3
    with pytest.raises(SurveyError, match="without possible") as caught:
        weigh(changed(given, "contacts", am_pm_night=outside), np.ones((400, 1)))
    assert caught.value.found.startswith("3 interviews in ")


@pytest.mark.parametrize(
    ("column", "value", "found"),
    [
        ("flow", np.full(400, 3.0), "flows of the other direction"),
        ("portroute", np.full(400, 610), "flows of the other mode"),
        ("stay_stated", np.full(400, "under_3_months", dtype=object), "on the way back"),
        ("nights", np.full(400, 3.0), "on the way out"),
    ],
)
def test_answers_of_the_other_direction_are_refused(column, value, found):
    with pytest.raises(SurveyError, match="other direction") as caught:
        weigh(changed(month(), "contacts", **{column: value}), np.ones((400, 1)))
    assert found in caught.value.found
    assert caught.value.found.split()[0].isdigit()


def test_who_did_not_respond_needs_no_answers():
    given = month()
    c = {name: values.copy() for name, values in given.contacts.items()}
    c["tandtsi"] = c["tandtsi"].astype(float)
    silent = np.flatnonzero(c["response"] == 1)[:20]
    c["response"][silent] = 5
    for name in ("citizenship", "sex", "purpose", "stay_stated"):
        c[name][silent] = None
    for name in ("flow", "nights", "tandtsi"):
        c[name][silent] = np.nan
    found = weigh(replace(given, contacts=c), np.ones((400, 1)))
    assert (found.final[silent] == 0).all()
    assert found.final.sum() == pytest.approx(4 * 9000 + 1200)
    # their weight goes to respondents of their group: more non-response, larger weights
    usual = weigh(given, np.ones((400, 1)))
    stage = found.stages["nonresponse"].own, usual.stages["nonresponse"].own
    assert (stage[0][c["response"] == 4] > stage[1][c["response"] == 4]).all()


@pytest.mark.parametrize(
    ("name", "missing", "problem", "found"),
    [
        ("citizenship", None, "lack what every interview asks", "2 without citizenship"),
        ("tandtsi", np.nan, "interval of full interviews", "2 rows without"),
    ],
)
def test_who_responded_must_have_answered(name, missing, problem, found):
    given = month()
    stated = given.contacts["stay_stated"] == "12_months_or_more"
    rows = np.flatnonzero((given.contacts["response"] == 1) & ~stated)[:2]
    column = given.contacts[name].astype(object if missing is None else float)
    column[rows] = missing
    with pytest.raises(SurveyError, match=problem) as caught:
        weigh(changed(given, "contacts", **{name: column}), np.ones((400, 1)))
    assert caught.value.found == found


def test_traffic_without_any_sample_of_its_kind_and_direction_is_refused():
    given = month()
    by_air = given.contacts["portroute"] == 110
    arriving = given.contacts["arrivedepart"] == 1
    kept = {name: v[~(by_air & arriving)] for name, v in given.contacts.items()}
    others = {
        "nonresponse": {name: v[1:] for name, v in given.nonresponse.items()},
        "unsampled": {name: v[1:] for name, v in given.unsampled.items()},
    }
    with pytest.raises(SurveyError, match="without sample") as caught:
        weigh(replace(given, contacts=kept, **others), np.ones((kept["serial"].size, 1)))
    assert caught.value.found == "110/1: 9,000 passengers, 0 cases"


def test_rules_change_the_weights_as_they_say():
    given, one = month(), np.ones((400, 1))
    usual = weigh(given, one)
    trimmed = weigh(given, one, Rules(trim_above=1.2))
    assert trimmed.final.max() < usual.final.max()
    assert trimmed.final.sum() == pytest.approx(usual.final.sum())
    assert any(stage == "trim" for stage, _ in trimmed.notes)
    joined = weigh(given, one, Rules(collapse_below=150))
    assert ("unsampled", "air/country+europe/1 joined, 1 of them too small") in joined.notes
    balance = {"eligible": np.ones(400), "port": np.full(400, 1.02), "country": np.ones(400)}
    balanced = weigh(replace(given, imbalance=balance), one)
    assert balanced.final.sum() == pytest.approx(usual.final.sum())
    assert balanced.stages["imbalance"].own.max() == pytest.approx(1.02)


def test_the_report_of_cells_and_extremes_by_hand():
    given = month()
    found = weigh(given, np.ones((400, 1)))
    rows = [row for row in cell_report(found) if row["stage"] == "traffic"]
    assert [row["weights"] for row in rows] == pytest.approx([9000] * 4)
    counted = found.stages["minimums"].own * found.stages["nonresponse"].own > 0
    assert sum(row["cases"] for row in rows) == int(counted.sum())
    most = next(iter(extremes(given.contacts, found)))
    assert most["final"] == found.final.max()
    own = {name: stage.own for name, stage in found.stages.items()}
    i = int(np.argmax(found.final[:, 0]))
    over = {name: values[i] / np.median(values[values > 0]) for name, values in own.items()}
    assert most["stage"] == max(over, key=over.get)


def test_flows_by_hand():
    totals = Totals(
        {"year": [2010], "direction": ["immigration", "emigration"], "citizenship": ["a", "b"],
         "reason": ["x"]}, 2,
    )  # fmt: skip
    columns = {
        "year": np.array([2010, 2010, 2010]),
        "direction": np.array(["immigration", "immigration", "emigration"]),
        "citizenship": np.array(["a", "b", "a"]),
        "reason": np.array(["x", "x", "x"]),
    }
    totals.add(columns, np.array([[10.0, 9, 11], [5, 5, 5], [4, 4, 4]]))
    rows = flows(totals, "long_term", {2010: 12}, "all", "citizenship")
    whole = [i for i, by in enumerate(rows["by"]) if by == "all"]
    assert [rows["persons"][i] for i in whole] == [15, 4, 11]
    error = np.sqrt(2)
    assert [rows["standard_error"][i] for i in whole] == [pytest.approx(error), None, error]
    assert [rows["cv"][i] for i in whole] == [pytest.approx(error / 15), None, error / 11]
    assert [rows["lower"][i] for i in whole] == [pytest.approx(15 - 1.96 * error), None,
                                                 pytest.approx(11 - 1.96 * error)]  # fmt: skip
    assert [rows["contacts"][i] for i in whole] == [2, 1, 3]
    assert set(rows["definition"]) == {"long_term"}
    assert set(rows["months"]) == {12}
    nobody = flows(Totals(totals.labels, 2), "long_term", {2010: 1}, "all", "citizenship")
    assert nobody["flow"] == ["immigration", "emigration", "net"], "none is a figure too"
    assert nobody["persons"] == [0, 0, 0]
    assert ("emigration", "b") not in zip(rows["flow"], rows["category"], strict=True)
    given = totals.estimate()
    assert given.point.sel(citizenship="a", direction="immigration").item() == 10
    assert long_term(
        {"stay_stated": np.array(["12_months_or_more"] * 2), "response": np.array([1, 3])}
    ).tolist() == [True, False]


def test_short_term_migrants_are_counted_where_and_when_they_began():
    contacts = {
        "flow": np.array([1.0, 4, 1, 2, 5, 1]), "response": np.array([1, 1, 1, 1, 2, 3]),
        "arrivedepart": np.array([2, 1, 2, 2, 2, 2]),
        "purpose": np.array(["formal_study", "holiday", "definite_job", "holiday", None, "holiday"],
                            dtype=object),
        "interviewed_on": np.full(6, "2010-02-01", dtype="datetime64[D]"),
        "citizenship": np.array(["british"] * 6), "sex": np.array(["F"] * 6),
        "country": np.full(6, "eu15", dtype=object), "area": np.full(6, None, dtype=object),
        "age": np.full(6, 20.0),
    }  # fmt: skip
    nights = np.array([91.0, 364, 29, np.nan, 365, 100])
    found = short_term(contacts, nights)
    assert found["months_1_to_12"].tolist() == [True, True, False, False, False, False]
    assert found["months_3_to_12"].tolist() == [True, True, False, False, False, False]
    assert found["un_3_to_12_work_or_study"].tolist() == [True] + [False] * 5
    chosen = {name: values[:2] for name, values in contacts.items()}
    labels = described(chosen, nights[:2])
    assert labels["year"].tolist() == [2009, 2009]
    # who leaves after a stay immigrated; who comes back from an absence emigrated
    assert labels["direction"].tolist() == ["immigration", "emigration"]


def test_nights_are_imputed_from_donors_of_the_same_month():
    contacts = {
        "flow": np.array([1.0, 1, 1, 2]), "response": np.array([1, 1, 1, 1]),
        "nights": np.array([3.0, 6, np.nan, np.nan]),
        "purpose": np.array(["holiday"] * 4, dtype=object),
        "country": np.array(["eu15"] * 4, dtype=object),
        "interviewed_on": np.full(4, "2010-02-01", dtype="datetime64[D]"),
    }  # fmt: skip
    found = imputed_nights(contacts)
    assert found[:3].tolist() == [3, 6, 5], "4.5 rounded half up"
    assert np.isnan(found[3]), "on the way out nothing has ended"


def tables(given):
    names = ("contacts", "shifts", "nonresponse", "traffic", "unsampled")
    return {name: dict(getattr(given, name)) for name in names}


def test_results_tell_the_effect_of_each_rule():
    given = tables(month())
    plain = results(given, Rules(), draws=20, seed=1)
    assert plain.rules == []
    trimmed = results(given, Rules(trim_above=1.2), draws=20, seed=1)
    effects = {(row["rule"], row["flow"]): row for row in trimmed.rules}
    assert set(effects) == {("trim_above", flow) for flow in ("immigration", "emigration", "net")}
    whole = {row[1]: row[0] for row in zip(
        plain.flows["persons"], plain.flows["flow"], plain.flows["by"], strict=True)
        if row[2] == "all"}  # fmt: skip
    for (_, flow), row in effects.items():
        assert row["without"] == pytest.approx(whole[flow])
        assert row["persons"] != pytest.approx(row["without"], abs=1e-6)
    assert trimmed.weights["trim"].min() < 1


def test_ports_without_any_interview_are_refused():
    given = tables(month())
    more = {name: np.append(values, values[:1]) for name, values in given["traffic"].items()}
    more["traffic_group"][-1] = "999"
    with pytest.raises(SurveyError, match="codes that no interview has") as caught:
        results(given | {"traffic": more}, Rules(), draws=2, seed=1)
    assert caught.value.found == "9,000 passengers of 999"
    assert caught.value.where == "survey_traffic, traffic_group"


def test_stored_weights_are_those_that_were_multiplied():
    made = results(tables(month()), Rules(decimals=3), draws=2, seed=1)
    product = np.prod([made.weights[name] for name in ORDER], axis=0)
    assert product == pytest.approx(made.weights["final"], rel=1e-12)
    assert sum(row["weights"] for row in made.stages if row["stage"] == "unsampled") == (
        pytest.approx(made.weights["final"].sum())
    )


def test_months_of_interviews_and_tables_must_agree():
    given = tables(month())
    given["traffic"] = given["traffic"] | {"month": np.full(4, "2018-01-01", dtype="datetime64[D]")}
    with pytest.raises(SurveyError, match="survey_traffic") as caught:
        results(given, Rules(), draws=2, seed=1)
    assert "2018-01" in caught.value.found
    given["traffic"] = given["traffic"] | {"month": np.full(4, "2017-12-15", dtype="datetime64[D]")}
    with pytest.raises(SurveyError, match="begin no month"):
        results(given, Rules(), draws=2, seed=1)
    balance = {"serial": np.arange(399), "eligible": np.ones(399), "port": np.ones(399),
               "country": np.ones(399)}  # fmt: skip
    with pytest.raises(SurveyError, match="factors of imbalance") as caught:
        results(tables(month()) | {"imbalance": balance}, Rules(), draws=2, seed=1)
    assert caught.value.found == "1 interviews without, of 400"
