"""What a component's source does not tell, shared out as the survey's migrants are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.migration.component import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ravenstein.core.sparse import SparseEstimate
    from ravenstein.migration.component import Component

    Floats = NDArray[np.float64]
    Labels = Mapping[str, Sequence[Any]]


def shared_out(
    component: Component, survey: SparseEstimate, years: Sequence[int], wanted: Labels
) -> Floats:
    r"""Return a component by year, direction and further dimensions.

    Args:
        component: The component.
        survey: The survey's cells, with all dimensions.
        years: The years.
        wanted: Labels of the further dimensions, in order.

    Returns:
        Persons [directions, years, wanted…, 1 + K]. In each draw their sum is the component's.

    Notes:
        With $u$ the dimensions that the source does not tell and $c$ the one that a component's
        migrants are like the survey's in, $x_{dyku} = \sum_c x_{dykc}\,p(u\mid d,c)$ with
        $p$ the survey's shares over all years, in the same draw; where the survey has nobody of
        $c$, those of the direction.
    """
    draws = component.parts[0].draws
    shape = [len(names) for names in wanted.values()]
    total = np.zeros((len(DIRECTIONS), len(years), *shape, 1 + draws))
    for part in component.parts:
        total += _part(part, component.by, survey, years, wanted)
    return total


def _part(
    part: SparseEstimate,
    by: tuple[str, ...],
    survey: SparseEstimate,
    years: Sequence[int],
    wanted: Labels,
) -> Floats:
    first: dict[str, Sequence[Any]] = {"direction": list(DIRECTIONS), "year": list(years)}
    unknown = [name for name in wanted if name not in part.labels]
    if not unknown:
        return part.sums(first | dict(wanted))
    told = [name for name in wanted if name in part.labels]
    like = {name: survey.distinct(name) for name in by if name in part.labels}
    like = {n: sorted({*labels, *part.distinct(n)}) for n, labels in like.items()}
    # a dimension that is both told and like the survey's is kept apart under another name
    renamed = {name: f"{name} alike" for name in like}
    given = part.relabelled(**{renamed[n]: part.labels[n] for n in like})
    sums = given.sums(first | {n: wanted[n] for n in told} | {renamed[n]: like[n] for n in like})
    shares = _shares(survey, like, {n: wanted[n] for n in unknown})
    kept = int(np.prod([len(wanted[n]) for n in told], dtype=np.int64))
    alike = int(np.prod([len(labels) for labels in like.values()], dtype=np.int64))
    split = int(np.prod([len(wanted[n]) for n in unknown], dtype=np.int64))
    size = sums.shape[-1]
    x = sums.reshape(len(DIRECTIONS), len(years), kept, alike, size)
    p = shares.reshape(len(DIRECTIONS), alike, split, size)
    found = np.einsum("dykcr,dcur->dykur", x, p, optimize=True)
    dims = [*told, *unknown]
    found = found.reshape(len(DIRECTIONS), len(years), *[len(wanted[n]) for n in dims], size)
    order = [dims.index(name) + 2 for name in wanted]
    return np.ascontiguousarray(found.transpose(0, 1, *order, found.ndim - 1))


def _shares(survey: SparseEstimate, like: Labels, unknown: Labels) -> Floats:
    """Return the survey's shares of unknown dimensions [directions, like…, unknown…, 1 + K]."""
    counts = survey.sums({"direction": list(DIRECTIONS)} | dict(like) | dict(unknown))
    over = tuple(range(1 + len(like), counts.ndim - 1))
    whole = counts.sum(axis=over, keepdims=True)
    among = tuple(range(1, 1 + len(like)))
    usual = counts.sum(axis=among, keepdims=True)
    everybody = usual.sum(axis=over, keepdims=True)
    even = np.full_like(usual, 1.0 / np.prod([len(v) for v in unknown.values()]))
    usual = np.where(everybody > 0, np.divide(usual, everybody, where=everybody > 0,
                                              out=np.zeros_like(usual)), even)  # fmt: skip
    own = np.divide(counts, whole, out=np.zeros_like(counts), where=whole > 0)
    shares: Floats = np.where(whole > 0, own, usual)
    return shares
