"""Rates: events over exposure, with what to do where nobody was exposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ravenstein.core.errors import DemographyError, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]
    Floats = NDArray[np.float64]

NoExposure = Literal["refuse", "missing", "neighbours"]


def exposure(opening: Numbers, closing: Numbers) -> Floats:
    r"""Return person-years lived by cohorts in a year: the mean of both stocks.

    Args:
        opening: Persons at the start, already aged on to their age at its end [persons].
        closing: Persons at its end [persons].

    Notes:
        $E = \tfrac12 (P_{t-1} + P_t)$.

    Source:
        Preston, Heuveline and Guillot, Demography (2001), section 1.4.

    >>> exposure(np.array([10]), np.array([12])).tolist()
    [11.0]
    """
    return (np.asarray(opening, dtype=np.float64) + closing) / 2


def rates(events: Numbers, exposed: Numbers, *, without: NoExposure = "refuse") -> Floats:
    """Return occurrence–exposure rates.

    Args:
        events: Events [persons], ages on the last axis.
        exposed: Person-years, of the same shape.
        without: What a cell with events and no exposure becomes: `refuse` raises and lists the
            cells; `missing` gives NaN; `neighbours` takes the rate of the nearest ages on both
            sides that were exposed, together.

    Returns:
        Events a person-year; 0 where there is neither event nor exposure, unless `neighbours`.

    Raises:
        DemographyError: If events or exposures are negative or missing, or a cell has events
            without exposure and `without` is `refuse`.

    >>> rates(np.array([1, 0]), np.array([100.0, 0.0])).tolist()
    [0.01, 0.0]
    """
    events, exposed = (np.asarray(values, dtype=np.float64) for values in (events, exposed))
    if events.shape != exposed.shape:
        raise _error("shapes that differ", f"{events.shape} and {exposed.shape}", "one shape")
    wrong = ~(np.isfinite(events) & np.isfinite(exposed)) | (events < 0) | (exposed < 0)
    if wrong.any():
        raise _error("negative or missing counts", _cells(wrong), "0 or more in every cell")
    if without not in get_args(NoExposure):
        raise _error("the treatment is not known", str(without), listed(get_args(NoExposure)))
    unexposed = exposed == 0
    broken = unexposed & (events > 0)
    if broken.any() and without == "refuse":
        raise _error("events without exposure", _cells(broken), "person-years wherever events are")
    # in the order of C, so that rows below are views of it
    found = np.divide(events, exposed, out=np.zeros(events.shape), where=~unexposed)
    if without == "missing":
        found[broken] = np.nan
    elif without == "neighbours" and unexposed.any():
        flat, gone = found.reshape(-1, found.shape[-1]), unexposed.reshape(-1, found.shape[-1])
        for row in np.flatnonzero(gone.any(axis=1)):
            _take_neighbours(flat[row], gone[row], events.reshape(flat.shape)[row],
                             exposed.reshape(flat.shape)[row])  # fmt: skip
    return found


def _take_neighbours(found: Floats, gone: NDArray[np.bool_], events: Floats, under: Floats) -> None:
    """Give ages nobody was exposed at the joint rate of the exposed ages around them."""
    known = np.flatnonzero(~gone)
    if not known.size:
        raise _error("no exposure at any age", "0 person-years", "person-years at some age")
    for age in np.flatnonzero(gone):
        below, above = known[known < age][-1:], known[known > age][:1]
        around = slice(
            int(below[0]) if below.size else age, (int(above[0]) if above.size else age) + 1
        )
        found[age] = events[around].sum() / under[around].sum()


def _cells(where: NDArray[np.bool_]) -> str:
    places = [str(tuple(int(p) for p in place)) for place in np.argwhere(where)]
    return f"{len(places)} cell{'s' if len(places) > 1 else ''}, at {listed(places)}"


def _error(what: str, found: str, expected: str) -> DemographyError:
    return DemographyError(
        f"Rates cannot be computed: {what}.",
        expected=expected,
        found=found,
        where="rates",
        fix="Correct the counts, join cells, or name a treatment with `without`.",
    )
