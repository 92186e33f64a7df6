"""What interviews say: their kinds, who migrates, whose trip ends; and what contradicts itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.core.errors import SurveyError, listed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.passenger_survey.cells import Columns

MINIMUM, SLOT, SILENT = 3, 4, 5  # responses: 1 and 2 are full and partial
CROSSINGS = (600, 900)  # port routes whose ferries and trains are sampled by crossing
BACK = (1, 4, 5, 8)  # flows on the way back from a trip
_ARRIVING = (3, 4, 7, 8)


def stated(contacts: Columns) -> NDArray[np.bool_]:
    """Return who states a stay of 12 months or more [n]."""
    return np.asarray(contacts["stay_stated"] == "12_months_or_more")


def migrant(contacts: Columns) -> NDArray[np.bool_]:
    """Return who states a stay of 12 months or more, or was interviewed as a migrant [n]."""
    return np.asarray(stated(contacts) | (contacts["response"] == SLOT))


def check_answers(contacts: Columns) -> None:
    """Refuse interviews without what all are asked, or whose answers are of another direction.

    Raises:
        SurveyError: If citizenship or sex is missing but for minimum interviews and non-response,
            or the stay of migrants interviewed in another slot; if a flow is not of the
            interview's direction, a stay to come is stated by who is on the way back, or nights of
            the trip that ends by who is on the way out.
    """
    asked = ~np.isin(contacts["response"], (MINIMUM, SILENT))
    slots = contacts["response"] == SLOT
    lacking = {
        name: int((rows & (contacts[name] == None)).sum())  # noqa: E711
        for name, rows in (("citizenship", asked), ("sex", asked), ("stay_stated", slots))
    }
    if any(lacking.values()):
        raise SurveyError(
            "Interviews lack what every interview asks.",
            expected="citizenship and sex of responses 1, 2 and 4, and the stay stated of 4",
            found=listed([f"{count} without {name}" for name, count in lacking.items() if count]),
            where="survey_contacts",
            fix="Correct response, or give the answers.",
        )
    flow, known = whole(contacts["flow"])
    arrives = contacts["arrivedepart"] == 1
    back = np.isin(flow, BACK)
    said = contacts["stay_stated"] != None  # noqa: E711
    nights = whole(contacts["nights"])[1]
    wrong = {
        "flows of the other direction": known & (np.isin(flow, _ARRIVING) != arrives),
        "flows of the other mode": known & ((flow <= 4) != (contacts["portroute"] < CROSSINGS[0])),
        "stays to come, on the way back": known & back & said,
        "nights of a trip that ends, on the way out": known & ~back & nights,
    }
    found = [f"{int(rows.sum())} {what}" for what, rows in wrong.items() if rows.any()]
    if found:
        routes = np.unique(contacts["portroute"][np.any(list(wrong.values()), axis=0)])
        raise SurveyError(
            "Interviews hold answers of the other direction or mode.",
            expected="flows 3, 4, 7, 8 on arrival and 1, 2, 5, 6 on departure, 1 to 4 on port "
            f"routes below {CROSSINGS[0]}; stays to come from flows 2, 3, 6, 7 and nights from "
            "flows 1, 4, 5, 8",
            found=listed(found),
            where=f"survey_contacts, port routes {listed([str(r) for r in routes.tolist()])}",
            fix="Correct arrivedepart or flow, or the columns they are read from.",
        )


def whole(values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return integers, 0 where missing, and whether they are known."""
    numbers = np.asarray(values, dtype=np.float64)
    known = np.isfinite(numbers)
    return np.where(known, numbers, 0).astype(np.int64), known


def unanswered(contacts: Columns) -> list[str]:
    """Return notes on full interviews that do not say what migrants are told by."""
    full = contacts["response"] < MINIMUM
    flow, known = whole(contacts["flow"])
    coming = full & known & ~np.isin(flow, BACK)
    counts = {
        "full interviews on the way out without a stated stay: {}; they are no migrants": coming
        & (contacts["stay_stated"] == None),  # noqa: E711
        "full interviews without a flow: {}; they are no short-term migrants, and are not "
        "balanced": full & ~known,
    }
    return [note.format(int(rows.sum())) for note, rows in counts.items() if rows.any()]


def ended(contacts: Columns) -> NDArray[np.bool_]:
    """Return the full and partial interviews of trips that end [n]."""
    flow = np.nan_to_num(np.asarray(contacts["flow"], dtype=np.float64))
    return np.asarray(np.isin(flow, BACK) & (contacts["response"] < MINIMUM))
