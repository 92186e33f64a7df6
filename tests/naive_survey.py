"""The passenger survey's weighting again, written plainly and slowly, and a made-up month for it.

The stages follow the formulae with groupby and merge only, so that the fast weighting can be
checked against something that shares no code with it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ravenstein.tables.border import SEX
from ravenstein.tables.passenger_survey import CITIZENSHIPS, COUNTRIES, PURPOSES

if TYPE_CHECKING:
    from collections.abc import Mapping

STRATA = ["shift_group", "arrivedepart", "weekday", "am_pm_night", "crossing"]
NONRESPONSE = ["nonresponse_group", "arrivedepart"]
MINIMUMS = ["minimums_group", "minimums_country"]
TRAFFIC = ["traffic_group", "arrivedepart"]
UNSAMPLED = ["unsampled_group", "unsampled_region", "arrivedepart"]
MIGRANT = "12_months_or_more"
GROUPS = {"shift": 25, "nonresponse": 20, "minimums": 20, "traffic": 38, "unsampled": 30}
ROUTE = ["portroute", "arrivedepart"]


def naive_weights(
    contacts: Mapping[str, np.ndarray],
    shifts: Mapping[str, np.ndarray],
    nonresponse: Mapping[str, np.ndarray],
    traffic: Mapping[str, np.ndarray],
    unsampled: Mapping[str, np.ndarray],
    imbalance: Mapping[str, np.ndarray] | None = None,
    *,
    decimals: int | None = None,
    factor: np.ndarray | None = None,
) -> pd.DataFrame:
    """Weight one month: each stage's own weights before rounding, and the final weights.

    Args:
        contacts: Interviews [n], as declared; so the other tables.
        shifts: Possible and sampled shifts.
        nonresponse: Tallies of passengers who were not interviewed.
        traffic: Passengers of sampled routes.
        unsampled: Passengers of unsampled routes and hours.
        imbalance: Factors in the order of contacts, if the stage is wanted.
        decimals: Places to which each stage's weight is rounded before it is carried on.
        factor: Bootstrap factor [n] of each interview, carried on from the shift stage.
    """
    frame = pd.DataFrame(dict(contacts))
    stages = {
        "shift": partial(shift_weight, shifts=pd.DataFrame(dict(shifts)), factor=factor),
        "nonresponse": partial(nonresponse_weight, tallies=pd.DataFrame(dict(nonresponse))),
        "minimums": minimums_weight,
        "traffic": partial(traffic_weight, traffic=pd.DataFrame(dict(traffic))),
        "unsampled": partial(unsampled_weight, unsampled=pd.DataFrame(dict(unsampled))),
    }
    if imbalance is not None:
        factors = pd.DataFrame(dict(imbalance))
        if not frame["serial"].equals(factors["serial"]):
            raise ValueError("imbalance: its rows are not in the order of contacts")
        stages["imbalance"] = partial(imbalance_weight, factors=factors)
    result = frame[["serial"]].copy()
    carried = pd.Series(1.0 if factor is None else np.asarray(factor, float), index=frame.index)
    for stage, weigh in stages.items():
        result[stage] = weigh(frame.assign(carried=carried))
        carried = carried * half_up(result[stage], decimals)
    if imbalance is None:
        result["imbalance"] = 1.0
    return result.assign(final=carried)


def half_up(weight: pd.Series, decimals: int | None) -> pd.Series:
    """Round half up; a half that is a little less in binary counts as a half."""
    if decimals is None:
        return weight
    return np.floor(weight * 10.0**decimals + 0.5 + 1e-6) / 10.0**decimals


def ratio(stage: str, above: pd.Series, below: pd.Series) -> pd.Series:
    """Divide cell by cell; 1 where there is nothing on either side."""
    empty = below == 0
    stranded = (empty & (above != 0)).sum()
    if stranded:
        raise ValueError(f"{stage}: nobody to carry the totals of {stranded} cells")
    return (above / below.where(~empty)).where(~empty, 1.0)


def look_up(contacts: pd.DataFrame, cells: pd.DataFrame, keys: list[str], name: str) -> pd.Series:
    """Return the column of each interview's cell, in the order of contacts."""
    found = contacts[keys].merge(cells[[*keys, name]], how="left", on=keys, validate="many_to_one")
    return pd.Series(found[name].to_numpy(), index=contacts.index)


def shift_weight(
    contacts: pd.DataFrame, shifts: pd.DataFrame, factor: np.ndarray | None = None
) -> pd.Series:
    """w1: possible over sampled shifts or crossings of the stratum, times the interval.

    A shift drawn twice in a replicate is sampled twice.
    """
    crossing = contacts["portroute"].between(600, 899)
    units = contacts.assign(crossing=crossing, shuttle=contacts["shuttle"].where(crossing, 0))
    rows = shifts.assign(crossing=shifts["portroute"].between(600, 899))
    cells = rows.groupby(STRATA, as_index=False)[["possible", "sampled"]].sum()
    if shifts["sampled"].isna().any():
        distinct = units[[*STRATA, "shiftno", "shuttle"]].drop_duplicates()
        counted = distinct.groupby(STRATA).size().rename("sampled").reset_index()
        cells = cells.drop(columns="sampled").merge(counted, how="left", on=STRATA)
    possible = look_up(units, cells, STRATA, "possible")
    sampled = look_up(units, cells, STRATA, "sampled")
    if not ((possible > 0) & (sampled > 0)).all():
        raise ValueError("shift: interviews of strata without possible or sampled shifts")
    if factor is not None:
        once = units.assign(factor=factor).drop_duplicates([*STRATA, "shiftno", "shuttle"])
        drawn = once.groupby(STRATA, as_index=False)["factor"].mean()
        sampled = sampled * look_up(units, drawn, STRATA, "factor").replace(0.0, 1.0)
    return possible / sampled * contacts["migsi"]


def nonresponse_weight(contacts: pd.DataFrame, tallies: pd.DataFrame) -> pd.Series:
    """w2: all over respondents; others than migrants also stand for slots of screening alone."""
    within = [*NONRESPONSE, "weekday"]
    refused = contacts["response"] == 5
    # of all interviews, refusals too; a mean of the carried weight, so of weight times factor
    means = contacts.groupby(within)["carried"].mean().rename("mean").reset_index()
    missed = tallies.assign(total=tallies["migtotal"] + tallies["ordtotal"])
    missed = missed.groupby(within, as_index=False)["total"].sum()
    missed = missed[missed["total"] > 0].merge(means, how="left", on=within)
    if missed["mean"].isna().any():
        raise ValueError("nonresponse: tallies of strata without interviews")
    missed = missed.assign(missed=missed["mean"] * missed["total"])
    missed = missed.groupby(NONRESPONSE, as_index=False)["missed"].sum()
    cells = contacts.assign(
        refused=contacts["carried"].where(refused, 0.0), met=contacts["carried"].mask(refused, 0.0)
    )
    cells = cells.groupby(NONRESPONSE, as_index=False)[["refused", "met"]].sum()
    cells = cells.merge(missed, how="left", on=NONRESPONSE).fillna({"missed": 0.0})
    everybody = cells["missed"] + cells["refused"] + cells["met"]
    cells["base"] = ratio("nonresponse", everybody, cells["met"])
    base = look_up(contacts, cells, NONRESPONSE, "base")
    screened = contacts["stay_stated"] == MIGRANT
    weight = base.where(screened, base * contacts["tandtsi"] / contacts["migsi"])
    return weight.mask(refused, 0.0)


def minimums_weight(contacts: pd.DataFrame) -> pd.Series:
    """w3: full interviews stand for minimum ones too; migrants of other slots for themselves."""
    rows = contacts.assign(minimums_country=contacts["minimums_country"].fillna("missing"))
    full, minimum = rows["response"].isin([1, 2]), rows["response"] == 3
    rows["full"] = rows["carried"].where(full, 0.0)
    rows["either"] = rows["carried"].where(full | minimum, 0.0)
    cells = rows.groupby(MINIMUMS, as_index=False)[["full", "either"]].sum()
    cells["ratio"] = ratio("minimums", cells["either"], cells["full"])
    weight = look_up(rows, cells, MINIMUMS, "ratio")
    return weight.where(full, 1.0).mask(minimum, 0.0)


def traffic_weight(contacts: pd.DataFrame, traffic: pd.DataFrame) -> pd.Series:
    """w4: passengers of the cell over the weights so far; 0 where there is no weight."""
    sample = contacts.groupby(TRAFFIC, as_index=False)["carried"].sum()
    totals = traffic.groupby(TRAFFIC, as_index=False)["passengers"].sum()
    cells = sample.merge(totals, how="outer", on=TRAFFIC).fillna({"carried": 0.0, "passengers": 0})
    if ((cells["carried"] > 0) & (cells["passengers"] == 0)).any():
        raise ValueError("traffic: interviews of cells without passengers")
    cells["ratio"] = ratio("traffic", cells["passengers"], cells["carried"])
    return look_up(contacts, cells, TRAFFIC, "ratio").mask(contacts["carried"] == 0, 0.0)


def unsampled_weight(contacts: pd.DataFrame, unsampled: pd.DataFrame) -> pd.Series:
    """w5: the weights so far and unsampled passengers, over the weights so far."""

    def with_region(rows: pd.DataFrame) -> pd.DataFrame:
        """Missing, 0 and a padded 0 are one level."""
        return rows.assign(unsampled_region=rows["unsampled_region"].fillna("0").str.strip())

    rows = with_region(contacts)
    sample = rows.groupby(UNSAMPLED, as_index=False)["carried"].sum()
    uplift = with_region(unsampled).groupby(UNSAMPLED, as_index=False)["passengers"].sum()
    cells = sample.merge(uplift, how="outer", on=UNSAMPLED)
    cells = cells.fillna({"carried": 0.0, "passengers": 0})
    both = cells["carried"] + cells["passengers"]
    cells["ratio"] = ratio("unsampled", both, cells["carried"])
    return look_up(rows, cells, UNSAMPLED, "ratio")


def imbalance_weight(contacts: pd.DataFrame, factors: pd.DataFrame) -> pd.Series:
    """w6: factors for overseas residents; residents of the route make up for the difference."""
    flow, before = contacts["flow"], contacts["carried"]
    eligible = factors["eligible"] == 1
    overseas, residents = eligible & (flow % 2 == 1), eligible & (flow % 2 == 0)
    weight = factors["port"].where(overseas, 1.0)
    weight = weight * factors["country"].where(eligible & flow.isin([1, 5]), 1.0)
    # flow f of overseas residents and flow f + 1 of residents go the same way by the same means
    pair = ["portroute", "pair"]
    rows = contacts.assign(
        pair=(flow + 1) // 2,
        change=before * (weight - 1.0),
        base=before.where(residents, 0.0),
    )
    cells = rows.groupby(pair, as_index=False)[["change", "base"]].sum()
    # a route without residents cannot make up: its total changes, as it did officially
    cells["share"] = (cells["change"] / cells["base"].where(cells["base"] != 0)).fillna(0.0)
    return weight.where(~residents, 1.0 - look_up(rows, cells, pair, "share"))


def simulated_month(n: int, seed: int, month: str = "2017-12") -> dict[str, dict[str, np.ndarray]]:
    """Make up a month of n interviews, in the shape of the real one of 20,000, and its tables."""
    rng = np.random.default_rng(seed)
    routes = _routes(max(6, min(70, n // 285)))
    contacts = _interviews(rng, n, _shifts(rng, routes, n, month))
    shifts = _possible_shifts(rng, contacts, routes)
    # about what each interview stands for, so that totals are a little above the sample's
    gross = shift_weight(contacts, shifts) * contacts["tandtsi"] / contacts["migsi"]
    rows = contacts.assign(gross=gross.where(contacts["response"].isin([1, 2]), 0.0))
    slots = [*ROUTE, "nonresponse_group", "weekday"]
    nonresponse = rows.groupby(slots).size().rename("met").reset_index()
    nonresponse["migtotal"] = rng.poisson(0.2 * nonresponse["met"])
    nonresponse["ordtotal"] = rng.poisson(0.05 * nonresponse["met"])
    traffic = rows.groupby([*ROUTE, "traffic_group"], as_index=False)["gross"].sum()
    traffic["passengers"] = np.ceil(traffic["gross"] * rng.uniform(1.4, 2.2, len(traffic)))
    cells = [*ROUTE, "unsampled_group", "unsampled_region"]
    unsampled = rows.groupby(cells, as_index=False, dropna=False)["gross"].sum()
    unsampled["passengers"] = np.floor(unsampled["gross"] * rng.uniform(0, 0.2, len(unsampled)))
    # both ways in which the file may write a missing region
    missing = unsampled["unsampled_region"].isna() & (unsampled.index % 2 == 0)
    unsampled["unsampled_region"] = unsampled["unsampled_region"].mask(missing, "0")
    tables = {"shifts": shifts, "nonresponse": nonresponse}
    tables |= {"traffic": traffic, "unsampled": unsampled}
    tables = {k: t.assign(month=f"{month}-01", record=np.arange(len(t))) for k, t in tables.items()}
    tables |= {"contacts": contacts, "imbalance": _imbalance(rng, contacts)}
    return {
        name: {c: _array(table[c]) for c in table if c not in {"met", "gross"}}
        for name, table in tables.items()
    }


def _array(column: pd.Series) -> np.ndarray:
    """Return a column as declared: days, numbers, or text with None where it is missing."""
    if column.name in {"month", "interviewed_on"}:
        return column.to_numpy("datetime64[D]")
    if column.name == "passengers":
        return column.to_numpy("int64")
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy()
    return np.where(column.isna(), None, column.astype(object).to_numpy())


def _routes(count: int) -> pd.DataFrame:
    """Two in three routes by air, the others by sea, each in a group of its kind per stage."""
    number, by_air = np.arange(count), 2 * count // 3
    air = number < by_air
    place = np.where(air, number, number - by_air)
    routes = pd.DataFrame({"portroute": np.where(air, 101 + 7 * place, 601 + 12 * place)})
    for stage, groups in GROUPS.items():
        size = np.where(air, max(1, groups * count // 105), max(1, groups * count // 210))
        code = pd.Series(place % size + 1).astype(str)
        routes[f"{stage}_group"] = ("A" + code).where(air, "S" + code)
    return routes


def _shifts(rng: np.random.Generator, routes: pd.DataFrame, n: int, month: str) -> pd.DataFrame:
    """Sample shifts: five of each route and direction, the others where traffic is."""
    ways = 2 * len(routes)
    busy = rng.gamma(2.0, size=ways)
    others = rng.choice(ways, max(0, n * 9 // 200 - 5 * ways), p=busy / busy.sum())
    way = np.concatenate([np.tile(np.arange(ways), 5), others])
    first = np.datetime64(month, "D")
    length = (np.datetime64(month, "M") + 1).astype("datetime64[D]") - first
    day = first + rng.integers(0, length.astype(int), len(way))
    shifts = routes.iloc[way // 2].reset_index(drop=True)
    migsi = rng.choice([10, 20, 30, 50], len(way), p=[0.5, 0.3, 0.1, 0.1])
    return shifts.assign(
        arrivedepart=way % 2 + 1,
        interviewed_on=day,
        weekday=np.where(np.is_busday(day), 1, 2),
        am_pm_night=rng.choice([1, 2, 3], len(way), p=[0.65, 0.3, 0.05]),
        shiftno=3001 + np.arange(len(way)),
        migsi=migsi,
        tandtsi=migsi * rng.choice([1, 2, 3, 5], len(way)),
    )


def _interviews(rng: np.random.Generator, n: int, shifts: pd.DataFrame) -> pd.DataFrame:
    """Interviews of the shifts; those of migrants in other slots state 12 months or more."""
    size = rng.gamma(4.0, size=len(shifts))
    rows = shifts.iloc[rng.choice(len(shifts), n, p=size / size.sum())].reset_index(drop=True)
    sea, resident = rows["portroute"] >= 600, rng.random(n) < 0.55
    rows["flow"] = np.where(rows["arrivedepart"] == 2, 1, 3) + resident + 4 * sea
    outward = rows["flow"].isin([2, 3, 6, 7])
    response = pd.Series(rng.choice([1, 2, 3, 5], n, p=[0.83, 0.04, 0.08, 0.05]))
    long = outward & (response != 5) & (rng.random(n) < 0.032)
    response = response.mask(long & (rng.random(n) < 0.6), 4)
    country = rows["flow"].astype(str).mask(rng.random(n) < 0.03, None)
    # minimum interviews need full ones beside them
    full = response.isin([1, 2]).groupby([rows["minimums_group"], country], dropna=False)
    rows["response"] = response.mask((response == 3) & ~full.transform("any"), 1)
    short = rng.choice(["under_3_months", "3_to_12_months"], n, p=[0.9, 0.1])
    refused, british = response == 5, resident & (rng.random(n) < 0.85)
    stay = pd.Series(short, dtype=object).mask(long, MIGRANT).where(outward & ~refused, None)

    def pick(codes: list[str], missing: pd.Series | np.ndarray) -> pd.Series:
        return pd.Series(rng.choice(codes, n), dtype=object).mask(missing, None)

    return rows.assign(
        serial=np.arange(1, n + 1),
        minimums_country=country,
        unsampled_region=pick(["1", "1", "2", "3", "4"], rng.random(n) < 0.2),
        shuttle=np.where(sea, rng.integers(1, 5, n), np.nan),
        country=pick(list(COUNTRIES.labels), refused),
        citizenship=pick(list(CITIZENSHIPS.labels)[1:], british).fillna("british"),
        sex=pick(list(SEX.labels), np.zeros(n, bool)),
        age=np.where(rng.random(n) < 0.02, np.nan, rng.integers(0, 91, n)),
        purpose=pick(list(PURPOSES.labels), refused),
        stay_stated=stay,
        nights=np.where(outward | (rng.random(n) < 0.05), np.nan, rng.geometric(0.1, n)),
        area=pick([f"E060000{k:02d}" for k in range(1, 41)], stay != MIGRANT),
    )


def _possible_shifts(
    rng: np.random.Generator, contacts: pd.DataFrame, routes: pd.DataFrame
) -> pd.DataFrame:
    """Possible shifts of every route, and those sampled, some of them without interviews."""
    keys = [*ROUTE, "weekday", "am_pm_night"]
    units = contacts[[*keys, "shiftno", "shuttle"]].drop_duplicates().groupby(keys).size()
    every = pd.MultiIndex.from_product([routes["portroute"], [1, 2], [1, 2], [1, 2, 3]], names=keys)
    rows = units.reindex(every, fill_value=0).rename("sampled").reset_index()
    rows["sampled"] += (rows["sampled"] > 0) & (rng.random(len(rows)) < 0.1)
    rows["possible"] = rows["sampled"] + rng.integers(5, 40, len(rows))
    rows["sampled"] = rows["sampled"].astype(float)
    return rows.merge(routes[["portroute", "shift_group"]], on="portroute")


def _imbalance(rng: np.random.Generator, contacts: pd.DataFrame) -> pd.DataFrame:
    """Factors by route and country; the latter stand on flows that must not use them too."""
    port = pd.Series(rng.uniform(0.94, 1.06, 900)).round(3)
    country = contacts["country"].map({c: rng.uniform(0.86, 1.16) for c in COUNTRIES.labels})
    eligible = contacts["response"].isin([1, 2]) & (rng.random(len(contacts)) < 0.95)
    return contacts[["serial"]].assign(
        eligible=eligible.astype(int),
        port=port[contacts["portroute"]].to_numpy(),
        country=country.round(3).fillna(1.0),
    )
