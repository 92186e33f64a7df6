"""The population statistics' view: components of change in the shape of the official file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.twin.draws import day

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.geography import Areas
    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]

_ROUNDED_NATION = "Y"


def components_of_change(
    settings: Settings, areas: Areas, population: Ints, components: dict[str, Ints]
) -> pa.Table:
    """Return the twin's summary components of change, one row an area.

    Args:
        settings: The settings.
        areas: The areas.
        population: Residents at each mid-year [years, areas, 2, ages].
        components: Components of change of each year, of the same shape.

    Returns:
        Columns as the official file has them: area code and name, country, then population,
        births, deaths, natural change, internal and international flows and other changes by
        year [persons]. Figures of nation Y are rounded, as one real nation's are: stocks always,
        migration from 2009 on; what rounding leaves over is in other changes.
    """
    first, last = settings.scale.first, settings.scale.last
    stocks = population.sum(axis=(2, 3))
    flows = {name: values.sum(axis=(2, 3)) for name, values in components.items()}
    rounds = np.array([nation == _ROUNDED_NATION for nation in areas.nations])
    digits = last % 100
    to = [settings.at("components_rounding", day(y, 6, 30)) for y in range(first, last + 1)]
    stock = _rounded(stocks[0], rounds, to[0]["stocks"])
    columns: dict[str, Any] = {
        f"ladcode{digits:02d}": pa.array(areas.codes),
        f"laname{digits:02d}": pa.array(areas.names),
        "country": pa.array(areas.nations),
        f"population_{first}": stock,
    }
    for year in range(first + 1, last + 1):
        own = {name: values[year - first] for name, values in flows.items()}
        after = _rounded(stocks[year - first], rounds, to[year - first]["stocks"])
        published = _published(own, rounds, to[year - first]["flows"])
        # the office balances with flows in and out; its net, rounded on its own, may differ by 10
        inside = published["internal_in"] - published["internal_out"]
        known = published["natchange"] + inside + published["international_net"]
        published["other_change"] = after - stock - known
        published["population"] = stock = after
        columns |= {f"{name}_{year}": values for name, values in published.items()}
    return pa.table(columns)


def detailed_components(
    settings: Settings, areas: Areas, population: Ints, components: dict[str, Ints]
) -> pa.Table:
    """Return the twin's detailed components of change, one row an area, sex and age.

    Args:
        settings: The settings.
        areas: The areas.
        population: Residents at each mid-year [years, areas, 2, ages].
        components: Components of change of each year, of the same shape.

    Returns:
        Columns as the official file has them: code, name, country, sex, age, then population,
        births, deaths, net internal and international migration and the three other changes by
        year [persons], which are 0 in the twin. Nothing is rounded here, so sums of nation Y
        differ from the summary file by its rounding.
    """
    first, last = settings.scale.first, settings.scale.last
    digits = last % 100
    shape = population.shape[1:]
    area, sex, age = (place.ravel() for place in np.indices(shape))
    nothing = np.zeros(area.size, dtype=np.int64)
    columns: dict[str, Any] = {
        f"ladcode{digits:02d}": pa.array(areas.codes).take(pa.array(area)),
        f"laname{digits:02d}": pa.array(areas.names).take(pa.array(area)),
        "country": pa.array(areas.nations).take(pa.array(area)),
        "sex": sex + 1,
        "age": age,
        f"population_{first}": population[0].ravel(),
    }
    for year in range(first + 1, last + 1):
        own = {name: values[year - first].ravel() for name, values in components.items()}
        columns |= {
            f"births_{year}": own["births"],
            f"deaths_{year}": own["deaths"],
            f"internal_net_{year}": own["internal_in"] - own["internal_out"],
            f"international_net_{year}": own["international_in"] - own["international_out"],
            f"unattrib_{year}": nothing,
            f"special_change_{year}": nothing,
            f"other_adjust_{year}": nothing,
            f"population_{year}": population[year - first].ravel(),
        }
    return pa.table(columns)


def _published(flows: dict[str, Ints], rounds: NDArray[np.bool_], to: int) -> dict[str, Ints]:
    inside, outside = flows["internal_in"], flows["internal_out"]
    immigrants = _rounded(flows["international_in"], rounds, to)
    emigrants = _rounded(flows["international_out"], rounds, to)
    return {
        "births": flows["births"],
        "deaths": flows["deaths"],
        "natchange": flows["births"] - flows["deaths"],
        "internal_in": _rounded(inside, rounds, to),
        "internal_out": _rounded(outside, rounds, to),
        # the net is rounded on its own, so it need not be the rounded inflow minus outflow
        "internal_net": _rounded(inside - outside, rounds, to),
        "international_in": immigrants,
        "international_out": emigrants,
        "international_net": immigrants - emigrants,
    }


def _rounded(values: Ints, rounds: NDArray[np.bool_], to: int) -> Ints:
    return np.where(rounds & (to > 0), (values + to // 2) // max(to, 1) * to, values)
