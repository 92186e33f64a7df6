"""Compare with official results of the passenger survey's stages.

    python -m tests.reference.passenger_survey DIR

DIR holds a folder a stage, whose name begins with the stage's: `input_*.csv`,
`expected_record.csv`, `expected_summary.csv`, key REC. A stage is its own case.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ravenstein.core.errors import SurveyError
from ravenstein.passenger_survey import stages
from ravenstein.passenger_survey.cells import cells, multiply, rounded
from ravenstein.passenger_survey.imbalance import imbalance as imbalance_weight
from ravenstein.passenger_survey.imputation import imputed_stays
from ravenstein.passenger_survey.shift import shift as shift_weight
from ravenstein.survey.design import Selection, design
from ravenstein.survey.estimates import total
from ravenstein.survey.replicates import bootstrap

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD, SUMMARY = 6e-4, 2e-3
PRIOR = ("SHIFT_WT", "NON_RESPONSE_WT", "MINS_WT", "TRAFFIC_WT", "UNSAMP_TRAFFIC_WT", "IMBAL_WT")


def prior(survey: pd.DataFrame) -> np.ndarray:
    """Return the product of the weights that a stage's input holds; a row without one has 0."""
    given = [name for name in PRIOR if name in survey]
    return survey[given].prod(axis=1, skipna=False).fillna(0).to_numpy()[:, None]


def columns(frame: pd.DataFrame, *names: str) -> list[np.ndarray]:
    return [frame[name].to_numpy() for name in names]


def shift(survey, extra):
    names = ("SHIFT_PORT_GRP_PV", "ARRIVEDEPART", "WEEKDAY_END_PV", "AM_PM_NIGHT_PV")
    return shift_weight(
        columns(survey, *names),
        (columns(extra["shifts"], *names), extra["shifts"].TOTAL),
        (survey.SHIFTNO.to_numpy(), survey.SHUTTLE.to_numpy()),
        (survey.SHIFT_FLAG_PV, survey.CROSSINGS_FLAG_PV),
        survey.MIGSI,
    ).weights


def nonresponse(survey, extra):
    by, within = ("NR_PORT_GRP_PV", "ARRIVEDEPART"), ("WEEKDAY_END_PV",)
    tallies = extra["nonresponse"]
    tallies = tallies[tallies.MIGTOTAL + tallies.ORDTOTAL > 0]
    return stages.nonresponse(
        prior(survey),
        (columns(survey, *by), columns(survey, *within)),
        (columns(tallies, *by), columns(tallies, *within), tallies.MIGTOTAL + tallies.ORDTOTAL),
        (survey.MIG_FLAG_PV, survey.NR_FLAG_PV),
        (survey.MIGSI, survey.TANDTSI),
    ).weights


def minimums(survey, extra):
    names = ("MINS_PORT_GRP_PV", "MINS_CTRY_GRP_PV")
    return stages.minimums(prior(survey), columns(survey, *names), survey.MINS_FLAG_PV).weights


def traffic(survey, extra):
    names = ("SAMP_PORT_GRP_PV", "ARRIVEDEPART")
    totals = extra["traffic"]
    given = columns(totals, *names), totals.TRAFFICTOTAL
    return stages.traffic(prior(survey), columns(survey, *names), given).weights


def unsampled(survey, extra):
    names = ("UNSAMP_PORT_GRP_PV", "UNSAMP_REGION_GRP_PV", "ARRIVEDEPART")
    parts = []
    for frame in (survey, extra["unsampled"]):
        port, region, direction = columns(frame, *names)
        # missing, 0 and a blank-padded 0 are one level of region
        parts.append([port, pd.to_numeric(region, errors="coerce"), direction])
        parts[-1][1] = np.nan_to_num(parts[-1][1])
    return stages.unsampled(
        prior(survey), parts[0], (parts[1], extra["unsampled"].UNSAMP_TOTAL)
    ).weights


def imbalance(survey, extra):
    return imbalance_weight(
        prior(survey), survey.PORTROUTE, survey.FLOW, survey.IMBAL_ELIGIBLE_PV,
        (survey.IMBAL_PORT_FACT_PV, survey.IMBAL_CTRY_FACT_PV),
    ).weights  # fmt: skip


def final(survey, extra):
    product, one = np.ones((len(survey), 1)), np.ones((1, 1))
    for name in PRIOR:
        multiply(product, one, np.zeros(len(survey), dtype=int), survey[name].to_numpy(), 0.0)
    return product


def stay(survey, extra):
    given = columns(survey, "STAYIMPCTRYLEVEL4_PV", "STAY_PURPOSE_GRP_PV")
    donor = (survey.STAY_IMP_FLAG_PV == 0) & survey.NUMNIGHTS.notna()
    return imputed_stays([given], donor, survey.NUMNIGHTS)[:, None]


STAGES: dict[str, tuple[Callable, str]] = {
    "shift": (shift, "SHIFT_WT"),
    "non_response": (nonresponse, "NON_RESPONSE_WT"),
    "minimums": (minimums, "MINS_WT"),
    "traffic": (traffic, "TRAFFIC_WT"),
    "unsampled": (unsampled, "UNSAMP_TRAFFIC_WT"),
    "imbalance": (imbalance, "IMBAL_WT"),
    "final": (final, "FINAL_WT"),
    "stay": (stay, "STAY"),
}


# Columns of expected_summary.csv by stage: the cell, and what is summarised over which rows. Prior
# weights p and the stage's own w, unrounded; legacy means and extremes are of rounded weights r.
SUMMARIES: dict[str, tuple[tuple[str, ...], dict[str, Callable]]] = {
    "shift": (
        ("SHIFT_PORT_GRP_PV", "ARRIVEDEPART", "WEEKDAY_END_PV", "AM_PM_NIGHT_PV", "MIGSI"),
        {
            "COUNT_RESPS": len,
            "SUM_SH_WT": lambda d: d.w.sum(),
            "MIN_SH_WT": lambda d: d.r.min(),
            "MEAN_SH_WT": lambda d: d.r.mean(),
            "MAX_SH_WT": lambda d: d.r.max(),
        },
    ),
    "non_response": (
        ("NR_PORT_GRP_PV", "ARRIVEDEPART", "WEEKDAY_END_PV"),
        {
            "COUNT_RESPS": lambda d: (d.NR_FLAG_PV == 0).sum(),
            "PRIOR_SUM": lambda d: d.p[d.NR_FLAG_PV == 0].sum(),
            "MEAN_RESPS_SH_WT": lambda d: d.p[d.NR_FLAG_PV == 0].mean(),
        },
    ),
    "minimums": (
        ("MINS_PORT_GRP_PV", "MINS_CTRY_GRP_PV"),
        {
            "PRIOR_GROSS_MINS": lambda d: d.p[d.MINS_FLAG_PV == 1].sum(),
            "PRIOR_GROSS_FULLS": lambda d: d.p[d.MINS_FLAG_PV == 0].sum(),
            "POST_SUM": lambda d: (d.p * d.w).sum(),
            "CASES_CARRIED_FWD": lambda d: (d.w > 0).sum(),
        },
    ),
    "traffic": (
        ("SAMP_PORT_GRP_PV", "ARRIVEDEPART"),
        {"CASES": lambda d: (d.p > 0).sum(), "SUM_TRAFFIC_WT": lambda d: (d.p * d.w).sum()},
    ),
    "unsampled": (
        ("UNSAMP_PORT_GRP_PV", "ARRIVEDEPART", "UNSAMP_REGION_GRP_PV"),
        {
            "CASES": lambda d: (d.p > 0).sum(),
            "SUM_PRIOR_WT": lambda d: d.p.sum(),
            "SUM_UNSAMP_TRAFFIC_WT": lambda d: (d.p * d.w).sum(),
        },
    ),
    "imbalance": (
        ("FLOW",),
        {"SUM_PRIOR_WT": lambda d: d.p.sum(), "SUM_IMBAL_WT": lambda d: (d.p * d.w).sum()},
    ),
}


def code(values: pd.Series, stage: str) -> pd.Series:
    """Return codes as text of one writing; missing is 0 but for shifts."""
    text = values.map(lambda v: None if pd.isna(v) else str(v).strip().removesuffix(".0"))
    return text if stage == "shift" else text.fillna("0")


def summary_difference(folder: Path, name: str) -> tuple[int, dict[str, float]]:
    """Return the number of cells compared, and the largest difference of each summary."""
    keys, columns_of = SUMMARIES[name]
    survey = pd.read_csv(folder / "input_survey.csv", low_memory=False)
    extra = {
        path.stem.removeprefix("input_"): pd.read_csv(path, low_memory=False)
        for path in folder.glob("input_*.csv")
    }
    own = STAGES[name][0](survey, extra)[:, 0]
    rows = survey.assign(p=prior(survey)[:, 0], w=own, r=rounded(own, 3))
    expected = pd.read_csv(folder / "expected_summary.csv")
    by = [key for key in keys if expected[key].notna().any()]
    # in shifts a missing code marks a subtotal; elsewhere it is a level of its own
    levels = [by, by[:2]] if name == "shift" else [by]
    made = {
        cell: {column: found(part) for column, found in columns_of.items()}
        for level in levels
        for cell, part in rows.groupby([code(rows[key], name) for key in level])
    }
    codes = pd.DataFrame({key: code(expected[key], name) for key in by})
    worst, count = dict.fromkeys(columns_of, 0.0), 0
    for row, own in zip(expected.to_dict("records"), codes.to_numpy().tolist(), strict=True):
        cell = made.get(tuple(value for value in own if pd.notna(value)))
        count += cell is not None
        for column in columns_of if cell else ():
            given = 0.0 if pd.isna(row[column]) else float(row[column])
            worst[column] = max(worst[column], abs(given - cell[column]))
    return count, worst


def difference(folder: Path, name: str) -> tuple[int, float]:
    """Return the number of records compared, and the largest difference of a weight."""
    step, column = STAGES[name]
    survey = pd.read_csv(folder / "input_survey.csv", low_memory=False)
    extra = {
        path.stem.removeprefix("input_"): pd.read_csv(path, low_memory=False)
        for path in folder.glob("input_*.csv")
    }
    found = step(survey, extra)[:, 0]
    ours = pd.DataFrame(
        {"REC": survey.REC, "ours": rounded(found, 3) if name != "final" else found}
    )
    expected = pd.read_csv(folder / "expected_record.csv").dropna(subset=[column])
    both = expected.merge(ours, on="REC", how="left", validate="1:1")
    return len(both), float((both[column] - both.ours).abs().max())


def errors_of_net(root: Path, replicates: int, seed: int = 7) -> dict[str, float]:
    """Return standard errors of net migration of the month, weights fixed and stages run again.

    The stages whose inputs hold all interviews can be run again in replicates: shift, traffic,
    unsampled and imbalance. Cells that a replicate empties are joined as in the chain.
    """
    read = {
        name: pd.read_csv(root / path, low_memory=False)
        for name, path in (
            ("d", "design/ips_dec2017_design.csv"),
            ("t", "traffic_weight/input_survey.csv"),
            ("u", "unsampled_weight/input_survey.csv"),
            ("i", "imbalance_weight/input_survey.csv"),
            ("s", "shift_weight/input_survey.csv"),
            ("shifts", "shift_weight/input_shifts.csv"),
            ("traffic", "traffic_weight/input_traffic.csv"),
            ("unsampled", "unsampled_weight/input_unsampled.csv"),
        )
    }
    d = read["d"][["REC", "NR_PORT_GRP_PV", "SHIFTNO", "mig", "FINAL_WT"]].merge(
        read["t"], on="REC"
    )
    d = d.merge(read["u"][["REC", "UNSAMP_PORT_GRP_PV", "UNSAMP_REGION_GRP_PV"]], on="REC")
    flags = ["IMBAL_ELIGIBLE_PV", "IMBAL_PORT_FACT_PV", "IMBAL_CTRY_FACT_PV"]
    d = d.merge(read["i"][["REC", "PORTROUTE", "FLOW", *flags]], on="REC")
    strata = (d.NR_PORT_GRP_PV.astype(str) + "/" + d.ARRIVEDEPART.astype(str)).to_numpy(str)
    units = Selection(d.SHIFTNO, strata, nest=True)
    net = (d.mig * np.where(d.ARRIVEDEPART == 1, 1.0, -1.0)).to_numpy()
    given = d.FINAL_WT.to_numpy()
    month = design(units, weights=given, lonely="certainty")
    drawn = bootstrap(month, replicates, np.random.default_rng(seed))
    factors = np.hstack([np.ones((len(d), 1)), drawn.factors[drawn.unit]])
    before = prior(d)
    held, found = before * factors, {}
    weighted = _shift_weights(read["s"], read["shifts"], (d, factors))
    held *= weighted / weighted[:, :1]
    found["bootstrap, shift again"] = (net * given / before[:, 0]) @ held[:, 1:]
    found["bootstrap, shift again"] = found["bootstrap, shift again"].std(ddof=1)

    def sides(table, *groups):
        """Return columns of the cells, of the interviews and of a table."""
        return [[code(f[n], "") for n in (*groups, "ARRIVEDEPART")] for f in (d, table)]

    def ran(stage: stages.Stage, name: str) -> None:
        stage.apply(held, 3)  # as the official weights are rounded
        found[f"bootstrap, {name} again"] = (net @ held[:, 1:]).std(ddof=1)

    t, u = read["traffic"], read["unsampled"]
    here, there = sides(t, "SAMP_PORT_GRP_PV")
    modes = [[np.digitize(f.PORTROUTE, (600, 900)), f.ARRIVEDEPART] for f in (d, t)]
    ran(stages.traffic(held, here, (there, t.TRAFFICTOTAL), modes), "traffic")
    here, there = sides(u, "UNSAMP_PORT_GRP_PV", "UNSAMP_REGION_GRP_PV")
    ports = sides(u, "UNSAMP_PORT_GRP_PV")
    ran(stages.unsampled(held, here, (there, u.UNSAMP_TOTAL), ports), "unsampled")
    own = (d.IMBAL_PORT_FACT_PV, d.IMBAL_CTRY_FACT_PV)
    ran(imbalance_weight(held, d.PORTROUTE, d.FLOW, d.IMBAL_ELIGIBLE_PV, own), "imbalance")
    assert np.abs(held[:, 0] - given).max() < 1e-3, "the full sample is the official one"
    # linearised: y less the mean of its traffic cell, on the scale of the weights before
    cell = cells(columns(d, "SAMP_PORT_GRP_PV", "ARRIVEDEPART")).rows[0]
    means = np.bincount(cell, given * net) / np.bincount(cell, before[:, 0])
    residual = net - means[cell] * before[:, 0] / given
    return {
        "linearised, weights fixed": total(month, net).standard_error()[0],
        "linearised, through traffic": total(month, residual).standard_error()[0],
        "bootstrap, weights fixed": ((given * net) @ factors[:, 1:]).std(ddof=1),
        **found,
    }


def _shift_weights(survey: pd.DataFrame, frame: pd.DataFrame, drawn: tuple) -> np.ndarray:
    """Return shift weights of interviews in every replicate, a shift counted as often as drawn."""
    d, factors = drawn
    names = ["SHIFT_PORT_GRP_PV", "ARRIVEDEPART", "WEEKDAY_END_PV", "AM_PM_NIGHT_PV"]
    unit = [*names, "SHIFTNO", "SHUTTLE", "MIGSI"]
    flags = ["SHIFT_FLAG_PV", "CROSSINGS_FLAG_PV"]
    row = pd.Series(np.arange(len(d)), index=d.REC)
    s = survey[survey.REC.isin(d.REC)]
    once = s.drop_duplicates(unit)
    stage = shift_weight(
        columns(once, *names), (columns(frame, *names), frame.TOTAL),
        tuple(columns(once, "SHIFTNO", "SHUTTLE")), tuple(columns(once, *flags)), once.MIGSI,
        factors[row[once.REC].to_numpy()],
    )  # fmt: skip
    key = pd.MultiIndex.from_frame(once[unit])
    place = key.get_indexer(pd.MultiIndex.from_frame(s[unit]))
    ordered = np.argsort(row[s.REC].to_numpy())
    return stage.weights[place[ordered]]


def main() -> int:
    """Print the agreement of every stage; the exit code says whether all agree."""
    failed = 0
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        name = next((stage for stage in STAGES if folder.name.startswith(stage)), None)
        if name is None:
            continue
        limit = 0.0 if name == "stay" else RECORD
        try:
            found = [("records", *difference(folder, name), limit)]
            if name in SUMMARIES and (folder / "expected_summary.csv").is_file():
                count, by_column = summary_difference(folder, name)
                found.append(("cells summarised", count, max(by_column.values()), SUMMARY))
        except SurveyError as error:
            print(error)
            found = [("records", 0, float("nan"), limit)]
        for what, count, worst, allowed in found:
            agrees = worst <= allowed
            failed += not agrees
            print(f"{folder.name}: {count} {what}, largest difference {worst:.1e}"
                  f"{'' if agrees else '  DIFFERS'}")  # fmt: skip
    if (Path(sys.argv[1]) / "design").is_dir():
        for what, error in errors_of_net(Path(sys.argv[1]), 4000).items():
            print(f"standard error of net migration, {what}: {error:,.0f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
