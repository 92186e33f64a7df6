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
from ravenstein.passenger_survey.cells import rounded

if TYPE_CHECKING:
    from collections.abc import Callable

RECORD, SUMMARY, FINAL = 6e-4, 2e-3, 6e-4
PRIOR = ("SHIFT_WT", "NON_RESPONSE_WT", "MINS_WT", "TRAFFIC_WT", "UNSAMP_TRAFFIC_WT", "IMBAL_WT")


def prior(survey: pd.DataFrame) -> np.ndarray:
    """Return the product of the weights that a stage's input holds [n, 1]."""
    given = [name for name in PRIOR if name in survey]
    return survey[given].prod(axis=1).to_numpy()[:, None]


def columns(frame: pd.DataFrame, *names: str) -> list[np.ndarray]:
    return [frame[name].to_numpy() for name in names]


def shift(survey, extra):
    names = ("SHIFT_PORT_GRP_PV", "ARRIVEDEPART", "WEEKDAY_END_PV", "AM_PM_NIGHT_PV")
    return stages.shift(
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
    return stages.imbalance(
        prior(survey), survey.PORTROUTE, survey.FLOW, survey.IMBAL_ELIGIBLE_PV,
        (survey.IMBAL_PORT_FACT_PV, survey.IMBAL_CTRY_FACT_PV),
    ).weights  # fmt: skip


def final(survey, extra):
    return stages.final([survey[name].to_numpy()[:, None] for name in PRIOR])


def stay(survey, extra):
    given = columns(survey, "STAYIMPCTRYLEVEL4_PV", "STAY_PURPOSE_GRP_PV")
    donor = (survey.STAY_IMP_FLAG_PV == 0) & survey.NUMNIGHTS.notna()
    return stages.imputed_stays(given, donor, survey.NUMNIGHTS)[:, None]


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


def main() -> int:
    """Print the agreement of every stage; the exit code says whether all agree."""
    failed = 0
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        name = next((stage for stage in STAGES if folder.name.startswith(stage)), None)
        if name is None:
            continue
        limit = 0.0 if name == "stay" else FINAL if name == "final" else RECORD
        try:
            count, worst = difference(folder, name)
        except SurveyError as error:
            count, worst = 0, float("nan")
            print(error)
        agrees = worst <= limit
        failed += not agrees
        print(f"{folder.name}: {count} records, largest difference {worst:.1e}"
              f"{'' if agrees else '  DIFFERS'}")  # fmt: skip
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
