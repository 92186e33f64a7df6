"""The twin's yearly components of change, in the shape of the official summary file.

A placeholder until the twin simulates people: areas grow by rates. Its place names, codes and
numbers are invented; two nations share one migration system, and one of them publishes rounded
figures, so that every treatment of real files is met.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ravenstein.core.parameters import load_parameters
from ravenstein.core.seeds import step_generator

FIRST, LAST = 2001, 2012
_ROUNDED_NATION, _ROUNDED_FROM = "Y", 2009
_AREAS = (
    # code, name, country, kind, population at the first mid-year
    ("X06000001", "Aldermoor", "X", "rural", 88_400),
    ("X06000002", "Brackenford", "X", "suburb", 142_100),
    ("X06000003", "Castlehythe", "X", "coast", 121_300),
    ("X06000004", "Dunmere", "X", "industrial", 203_700),
    ("X06000005", "Eastholm", "X", "city", 412_900),
    ("X06000006", "Fernleigh Vale", "X", "rural", 61_200),
    ("X06000007", "Greyport", "X", "industrial", 254_800),
    ("X06000008", "Holmwater", "X", "suburb", 176_500),
    ("X06000009", "Isley and Marl", "X", "rural", 97_700),
    ("X06000010", "Juniper Coast", "X", "coast", 84_900),
    ("X06000011", "Kestrel Forest", "X", "rural", 53_300),
    ("X06000012", "Lanthorn Quarter", "X", "city", 9_700),
    ("X06000013", "Mossgate", "X", "suburb", 119_600),
    ("X06000014", "Netherwick", "X", "industrial", 148_200),
    ("Y06000001", "Oxlea and Sarn", "Y", "rural", 72_610),
    ("Y06000002", "Pellhaven", "Y", "coast", 66_140),
    ("Y06000003", "Quillmouth", "Y", "city", 288_320),
    ("Y06000004", "Rooksby", "Y", "suburb", 104_770),
    ("Y06000005", "Sallow Islands", "Y", "coast", 21_850),
    ("Y06000006", "Thornreach", "Y", "industrial", 131_480),
)


@dataclass(frozen=True)
class _Year:
    """One year's flows, an entry an area [persons]."""

    births: np.ndarray[tuple[int], np.dtype[np.int64]]
    deaths: np.ndarray[tuple[int], np.dtype[np.int64]]
    moves: np.ndarray[tuple[int, int], np.dtype[np.int64]]
    immigrants: np.ndarray[tuple[int], np.dtype[np.int64]]
    emigrants: np.ndarray[tuple[int], np.dtype[np.int64]]
    other: np.ndarray[tuple[int], np.dtype[np.int64]]


def components_table(seed: int) -> pa.Table:
    """Simulate the twin's summary components of change.

    Args:
        seed: The study's seed; the same seed gives the same table.

    Returns:
        One row an area: `ladcode12`, `laname12`, `country`, then population, births, deaths,
        natural change, internal and international flows and other changes by year [persons], as
        the official file has them. Moves between areas leave one and enter another, so their net
        is 0 over all areas. Figures of nation Y are rounded to 10 as one real nation's are:
        stocks always, migration from 2009 on.
    """
    generator = step_generator(seed, "twin/components")
    stock = np.array([area[4] for area in _AREAS], dtype=np.int64)
    columns: dict[str, pa.Array] = {
        "ladcode12": pa.array([area[0] for area in _AREAS]),
        "laname12": pa.array([area[1] for area in _AREAS]),
        "country": pa.array([area[2] for area in _AREAS]),
        f"population_{FIRST}": pa.array(stock),
    }
    for year in range(FIRST + 1, LAST + 1):
        flows = _flows(generator, stock, year)
        published, stock = _published(flows, stock, year)
        columns |= {f"{name}_{year}": pa.array(values) for name, values in published.items()}
    return pa.table(columns)


def _flows(
    generator: np.random.Generator, stock: np.ndarray[tuple[int], np.dtype[np.int64]], year: int
) -> _Year:
    parameters = load_parameters(Path(__file__).with_suffix(".toml"))
    day = dt.date(year, 6, 30)

    def by_area(name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        value = parameters[name].at(day)
        return np.array([value[area[3]] for area in _AREAS])

    def drawn(name: str, trend: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        # spread beyond Poisson, as in published series
        noise = generator.lognormal(sigma=0.04, size=stock.size)
        return generator.poisson(stock * by_area(name) / 1000 * trend * noise)

    weight = by_area("attraction") * stock
    chance = np.tile(weight, (stock.size, 1))
    np.fill_diagonal(chance, 0)
    chance /= chance.sum(axis=1, keepdims=True)
    arrivals = 1.0 + 0.25 * np.sin((year - FIRST) / 2)
    return _Year(
        births=drawn("births_rate", 1 + 0.01 * (year - FIRST)),
        deaths=drawn("deaths_rate", 1 - 0.006 * (year - FIRST)),
        moves=generator.multinomial(drawn("leaving_rate"), chance),
        immigrants=drawn("international_in_rate", arrivals),
        emigrants=drawn("international_out_rate"),
        other=generator.integers(-25, 26, size=stock.size),
    )


def _published(
    flows: _Year, stock: np.ndarray[tuple[int], np.dtype[np.int64]], year: int
) -> tuple[
    dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]],
    np.ndarray[tuple[int], np.dtype[np.int64]],
]:
    rounded = np.array([area[2] == _ROUNDED_NATION for area in _AREAS])
    rounded_flows = rounded & (year >= _ROUNDED_FROM)
    inflow, outflow = flows.moves.sum(axis=0), flows.moves.sum(axis=1)
    internal_in, internal_out = (_to_ten(flow, rounded_flows) for flow in (inflow, outflow))
    immigrants, emigrants = (
        _to_ten(flow, rounded_flows) for flow in (flows.immigrants, flows.emigrants)
    )
    known = flows.births - flows.deaths + internal_in - internal_out + immigrants - emigrants
    after = _to_ten(stock + known + flows.other, rounded)
    return {
        "births": flows.births,
        "deaths": flows.deaths,
        "natchange": flows.births - flows.deaths,
        "internal_in": internal_in,
        "internal_out": internal_out,
        # the net is rounded on its own, so it need not be the rounded inflow minus outflow
        "internal_net": _to_ten(inflow - outflow, rounded_flows),
        "international_in": immigrants,
        "international_out": emigrants,
        "international_net": immigrants - emigrants,
        "other_change": after - stock - known,
        "population": after,
    }, after


def _to_ten(
    values: np.ndarray[tuple[int], np.dtype[np.int64]],
    rounded: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.where(rounded, (values + 5) // 10 * 10, values)
