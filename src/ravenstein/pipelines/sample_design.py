"""The next sample design of the passenger survey: what shifts to work, and what they would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from ravenstein.passenger_survey.allocation import MIGRATION, ORDINARY, QUANTITIES, frontier
from ravenstein.passenger_survey.cells import rows_of
from ravenstein.passenger_survey.fieldwork import Fieldwork, NewRoute, Past, past_fieldwork
from ravenstein.store.provenance import FromTable
from ravenstein.tables import survey_results as tables

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.passenger_survey.allocation import Frontier
    from ravenstein.passenger_survey.cells import Columns
    from ravenstein.passenger_survey.results import Results
    from ravenstein.store.run import Run
    from ravenstein.study import SampleDesign


_BEYOND, _SHOWN = 1.5, 120
_BEHIND = tuple(
    FromTable(name)
    for name in ("survey_contacts", "survey_weights", "survey_shifts", "survey_flows")
)


def sample_design(
    chosen: SampleDesign, run: Run, contacts: Columns, shifts: Columns, made: Results
) -> None:
    """Propose the allocation of shifts that is best at the present cost, and show the frontier.

    Where the fewest shifts cost more than the present design, they are the proposal.
    """
    with run.step("Propose a sample design") as step:
        given = {name: getattr(chosen, name) for name in type(chosen).model_fields}
        given["new_routes"] = tuple(
            NewRoute(new.portroute, new.possible, new.passengers) for new in chosen.new_routes
        )
        final = made.weights["final"][np.argsort(made.weights["serial"])]
        ordered = rows_of(contacts, np.argsort(contacts["serial"]))
        last = [made.last_flows[flow]["standard_error"] or 0.0 for flow in QUANTITIES[:2]]
        past = past_fieldwork(ordered, final, shifts, last, Fieldwork(**given))
        cost, errors = past.present()
        fewest = float((past.frame.smallest * past.frame.cost).sum())
        found = frontier(past.frame, _BEYOND * max(cost, fewest))
        best = found.step(max(cost, fewest))
        allocation = _allocation(past, found, best)
        run.write(tables.SURVEY_ALLOCATION, allocation, method=frontier, inputs=_BEHIND)
        rows = _frontier(found, best, (cost, errors))
        run.write(tables.SURVEY_FRONTIER, rows, method=frontier, inputs=_BEHIND)
        at = "the present cost" if fewest <= cost else f"{fewest / cost:.1f} times the present cost"
        step.note = (
            f"at {at} the standard error of net migration would be {found.errors[best, 2]:,.0f} "
            f"instead of {errors[2]:,.0f}"
        )


def _allocation(past: Past, found: Frontier, step: int) -> pa.Table:
    proposed = found.shifts(step)
    return pa.table(
        {
            "portroute": past.portroute,
            "arrivedepart": past.arrivedepart,
            "quarter": past.quarter + 1,
            "possible": past.frame.possible.astype(np.int64),
            "migrants": past.frame.migrants,
            "present": past.shifts.sum(axis=1),
            "ordinary": proposed[:, ORDINARY],
            "migration": proposed[:, MIGRATION],
        }
    )


def _frontier(found: Frontier, best: int, present: tuple[float, NDArray[np.float64]]) -> pa.Table:
    """Return the present and the proposed design, and some of the frontier, evenly by cost."""
    wanted = np.linspace(found.cost[0], found.cost[-1], _SHOWN)
    steps = np.array([best, *np.unique([found.step(cost) for cost in wanted])])
    cost, errors = present
    each = np.vstack([errors, found.errors[steps]])
    return pa.table(
        {
            "number": np.arange(len(steps) + 1),
            "design": ["present", "proposed", *["frontier"] * (len(steps) - 1)],
            "cost": np.append(cost, found.cost[steps]),
            **{name: each[:, i] for i, name in enumerate(QUANTITIES)},
        }
    )
