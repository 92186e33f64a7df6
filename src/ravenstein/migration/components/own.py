"""Components of one's own: a nation's flows in place of the survey's, or any correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import MigrationError, listed
from ravenstein.core.sparse import SparseEstimate
from ravenstein.migration.component import DIRECTIONS, Component
from ravenstein.tables.migration import ALL, COMPONENTS, NOT_STATED
from ravenstein.tables.other_statistics import IRISH_AGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NATION_OWN = "nation_own"
RESERVED = ("total", "combined", "components", *COMPONENTS.labels)
_DIMENSIONS = ("nation", "citizenship", "reason", "age_group", "sex")


def own_components(
    rows: Mapping[str, NDArray[Any]],
    survey: SparseEstimate,
    years: Sequence[int],
    generator: np.random.Generator,
) -> list[Component]:
    """Return the components in a table of one's own, by their names.

    Args:
        rows: Columns of `migration_component`: persons and standard error by component, year,
            direction and the dimensions that it is broken down by.
        survey: The survey's cells with their nation: `nation_own` takes their place.
        years: The years that are published.
        generator: The step's generator.

    Notes:
        Draws are normal about the persons, independent between rows. `nation_own` adds the rows
        and takes off the survey's migrants of those nations, years and directions.

    Raises:
        MigrationError: If a component is broken down by a dimension in some rows only.
    """
    found = []
    for name in sorted(set(rows["component"].tolist())):
        of = rows["component"] == name
        columns = {n: v[of] for n, v in rows.items()}
        known = [d for d in _DIMENSIONS if _broken_down(columns[d], d, name)]
        _refuse_unfit(name, columns, known, survey)
        persons, error = columns["persons"].astype(float), columns["standard_error"].astype(float)
        noise = generator.standard_normal((persons.size, survey.draws))
        values = np.column_stack([persons, persons[:, None] + error[:, None] * noise])
        labels = {n: columns[n] for n in ("year", "direction", *known)}
        labels = {n: v.astype(str) if v.dtype == object else v for n, v in labels.items()}
        parts = [SparseEstimate(labels, values, "persons")]
        if name == NATION_OWN:
            parts.append(_replaced(columns, survey, years))
        by = ("nation",) if "nation" in known else tuple(known[:1])
        kinds = [sorted(set(columns[n].tolist())) for n in ("definition", "period")]
        found.append(
            Component(name, tuple(parts), by, definition="/".join(kinds[0]),
                      period="/".join(kinds[1]))
        )  # fmt: skip
    return found


def _refuse_unfit(
    name: str,
    columns: Mapping[str, NDArray[Any]],
    known: Sequence[str],
    survey: SparseEstimate,
) -> None:
    """Refuse names that are taken, labels that the survey does not have, and gaps in years."""
    wrong = {"names that the tables use": name in RESERVED}
    allowed = {
        "nation": {*survey.distinct("nation")} - {NOT_STATED},
        "age_group": {*IRISH_AGES, *survey.distinct("age_group")},
    }
    for dimension in set(allowed) & set(known):
        others = sorted(set(columns[dimension].tolist()) - allowed[dimension])
        wrong[f"{dimension} {listed(others)}, which the survey does not have"] = bool(others)
    cells = ["direction", *known]
    held: dict[tuple[Any, ...], set[int]] = {}
    for cell in zip(columns["year"].tolist(), *(columns[n].tolist() for n in cells), strict=True):
        held.setdefault(cell[1:], set()).add(cell[0])
    whole = set().union(*held.values())
    wrong["categories of one direction only"] = {(d, *c[1:]) for c in held for d in DIRECTIONS} != {
        *held
    }
    lacking = [f"{'/'.join(map(str, c))} in {listed(sorted(whole - y))}"
               for c, y in held.items() if y != whole]  # fmt: skip
    wrong[f"without {listed(lacking, most=3)}"] = bool(lacking)
    found = [what for what, is_wrong in wrong.items() if is_wrong]
    if found:
        raise MigrationError(
            f"Component {name!r} cannot be added.",
            expected="a name of its own; nations and age groups of the survey; each category in "
            "every year, 0 where there is nobody",
            found="; ".join(found),
            where="migration_component",
            fix="Correct the rows, or add those that are missing.",
        )


def _broken_down(values: NDArray[Any], dimension: str, name: str) -> bool:
    whole = values == ALL
    if whole.any() and not whole.all():
        raise MigrationError(
            f"Component {name!r} is broken down in some rows only.",
            expected=f"{dimension} given in every row, or {ALL!r} in every row",
            found=f"{int(whole.sum())} of {whole.size} rows with {ALL!r}",
            where=f"migration_component, column {dimension}",
            fix="Give totals or parts, not both: they would be counted twice.",
        )
    return not whole.all()


def _replaced(
    columns: Mapping[str, NDArray[Any]], survey: SparseEstimate, years: Sequence[int]
) -> SparseEstimate:
    """Return the survey's migrants whose place the rows take, to be taken off."""
    wanted = set(
        zip(columns["nation"].tolist(), columns["year"].tolist(), columns["direction"].tolist(),
            strict=True)
    )  # fmt: skip
    if any(nation == ALL for nation, _, _ in wanted):
        raise MigrationError(
            "A nation's own flows do not say of which nation they are.",
            expected="the letter of the nation in every row",
            found=f"{ALL!r}",
            where="migration_component, column nation",
            fix="Give the letter, such as N.",
        )
    cells = zip(
        survey.labels["nation"].tolist(), survey.labels["year"].tolist(),
        survey.labels["direction"].tolist(), strict=True,
    )  # fmt: skip
    chosen = np.array([cell in wanted and cell[1] in years for cell in cells], dtype=np.bool_)
    return survey.where(chosen).scaled(-1.0)
