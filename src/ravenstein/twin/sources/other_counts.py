"""Counts of other producers: the Irish statistics office, the armed forces, prisons; as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ravenstein.tables.other_statistics import ASYLUM_AGES, IRISH_AGES, WORKER_AGES
from ravenstein.twin.draws import MID_YEAR, day
from ravenstein.twin.geography import LAND, routes
from ravenstein.twin.journeys import MOVE
from ravenstein.twin.people import BIRTH_COUNTRIES, CITIZENSHIPS, SEXES, SPECIAL
from ravenstein.twin.sources import asylum, permits
from ravenstein.twin.tally import AGES
from ravenstein.twin.world import Seen, World, dates, groups, label, stacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ravenstein.twin.homes import Addresses
    from ravenstein.twin.settings import Settings
    from ravenstein.twin.world import Columns, Ints

_FLOWS = ("emigration", "immigration")
_IRISH_AGES = (15, 25, 45, 65)
_APRIL = (4, 15)
_UNITED_KINGDOM = 60_000_000  # people, the size at which the rounding is published
_QUARTERLY = {"quarter": "date", "citizenship": CITIZENSHIPS}
_CASES = {
    "applicant": asylum.APPLICANTS,
    "age_group": ASYLUM_AGES,
    "sex": SEXES,
}
_GRANTS = {"age_group": _CASES["age_group"], "sex": SEXES}

COUNTED: Mapping[str, Mapping[str, Any]] = {
    "irish_migration": {
        "year": "number", "direction": _FLOWS, "sex": SEXES,
        "age_group": IRISH_AGES,
    },
    "asylum_applications": _QUARTERLY | _CASES | {"location": asylum.APPLIED_AT},
    "asylum_decisions": _QUARTERLY | _CASES | {"outcome": asylum.OUTCOMES},
    "returns": _QUARTERLY | _GRANTS | {"type": asylum.RETURNS, "asylum": "switch"},
    "settlement_grants": _QUARTERLY | _GRANTS | {"category": permits.SETTLEMENT},
    "citizenship_grants": _QUARTERLY | _GRANTS,
    "visas_issued": _QUARTERLY | {"category": permits.VISAS},
    "worker_registrations": {
        "quarter": "date", "sex": SEXES, "area": "area",
        "age_group": WORKER_AGES,
    },
    "special_counts": {
        "year": "number", "area": "area", "special": SPECIAL, "sex": SEXES, "age": "number",
    },
}  # fmt: skip
"""The columns of each table: labels of codes, or what their numbers are."""


def counted_tables(
    settings: Settings, places: Addresses, counts: Mapping[str, Columns]
) -> dict[str, pa.Table]:
    """Return the tables of counts of all blocks.

    Args:
        settings: The settings.
        places: The addresses, for the codes of areas.
        counts: Codes and `count` by table, added over blocks.
    """
    tables = {}
    for name, columns in COUNTED.items():
        if name not in counts:
            continue  # of a group of views that this twin does not have
        found = counts[name]
        shown = {column: _shown(found[column], kind, places) for column, kind in columns.items()}
        tables[name] = pa.table(shown | {"persons": found["count"]})
    if "irish_migration" in tables:
        tables["irish_migration"] = _rounded(settings, tables["irish_migration"])
    if "employment" in counts:
        tables["truth_employment"] = _employment(counts["employment"])
    return tables


def _shown(values: Ints, kind: Any, places: Addresses) -> pa.Array:
    if kind == "date":
        return dates(values)
    if kind == "area":
        return label(values, places.areas.codes)
    if kind == "switch":
        return pa.array(values == 1)
    return pa.array(values) if kind == "number" else label(values, kind)


def _rounded(settings: Settings, irish: pa.Table) -> pa.Table:
    """Return the Irish statistics rounded; cells that round to nothing are left out."""
    size = settings.scale.people / _UNITED_KINGDOM
    to = max(round(settings.at("irish_rounding", day(settings.scale.first, 1, 1)) * size), 1)
    rounded = (irish["persons"].to_numpy() + to // 2) // to * to
    irish = irish.set_column(irish.column_names.index("persons"), "persons", pa.array(rounded))
    return irish.filter(pa.array(rounded > 0))


def _employment(found: Columns) -> pa.Table:
    """Return residents and those in employment as two columns of one row."""
    names = ("quarter", "birth_country", "citizenship", "sex", "age")
    keys = np.stack([found[name] for name in names])
    cells, place = np.unique(keys, axis=1, return_inverse=True)
    weights = (found["count"], found["count"] * found["employed"])
    persons, employed = (np.bincount(place, weights=w) for w in weights)
    cell = dict(zip(names, cells, strict=True))
    return pa.table(
        {
            "quarter": dates(cell["quarter"]),
            "birth_country": label(cell["birth_country"], BIRTH_COUNTRIES),
            "citizenship": label(cell["citizenship"], CITIZENSHIPS),
            "sex": label(cell["sex"] - 1, SEXES),
            "age": cell["age"],
            "persons": np.rint(persons).astype(np.int64),
            "employed": np.rint(employed).astype(np.int64),
        }
    )


def irish_migration(world: World) -> Seen:
    """Return moves to and from the Republic, which lies behind the land border.

    Args:
        world: The block.

    Notes:
        As its statistics office counts them: by where people live in April and lived in the April
        before. Who came and left between, was born or died, is in no flow.
    """
    g = world.generator("irish")
    c, size = world.journeys.crossings, world.persons["birth"].size
    moves = (c["leg"] == MOVE) & (routes(world.settings).mode[c["route"]] == LAND)
    missed = world.at("irish_missed")
    found = []
    for year in world.years()[1:]:  # journeys begin in the July before the first mid-year
        before, after = day(year - 1, *_APRIL), day(year, *_APRIL)
        lived, lives = (_here(world, when, size) for when in (before, after))
        during = moves & (c["day"] > before) & (c["day"] <= after)
        for flow, name in enumerate(_FLOWS):
            crossed = np.unique(c["person"][during & (c["arrival"] == flow)])
            alive = (world.persons["birth"] <= before) & (world.persons["death"] > after)
            changed = (lives & ~lived) if flow else (lived & ~lives)
            person = crossed[(alive & changed)[crossed]]
            person = person[g.random(person.size) >= missed[name]]
            found.append(
                {
                    "year": np.full(person.size, year), "direction": np.full(person.size, flow),
                    "sex": world.persons["sex"][person] - 1,
                    "age_group": groups(world.age(person, after), _IRISH_AGES),
                }
            )  # fmt: skip
    return Seen(counts={"irish_migration": stacked(found)})


def _here(world: World, when: int, size: int) -> NDArray[np.bool_]:
    lives = np.zeros(size, dtype=np.bool_)
    lives[world.homes.person[world.homes.on(when)]] = True
    return lives


def special_counts(world: World) -> Seen:
    """Return the armed forces and prisoners by area, as counted some time before mid-year.

    Args:
        world: The block.
    """
    h = world.homes
    found = []
    for year in world.years():
        mid_year = day(year, *MID_YEAR)
        when = mid_year - world.at("special_lag")
        kind = world.service(when)
        live = h.on(when)
        live = live[kind[h.person[live]] > 0]
        person = h.person[live]
        age = np.clip(world.age(person, mid_year), 0, AGES - 1)
        found.append(
            {
                "year": np.full(live.size, year), "area": h.area[live], "special": kind[person],
                "sex": world.persons["sex"][person] - 1, "age": age,
            }
        )  # fmt: skip
    return Seen(counts={"special_counts": stacked(found)})
