"""Evidence about an estimate: the file that a local authority sends to the producer.

The page evidence.html writes it; it can also be filled by hand from a template.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from ravenstein.core.errors import SourceError, listed
from ravenstein.tables.geography import AREA_PATTERN

SCHEMA = "ravenstein evidence 1"
FIGURES = {
    "population": "Population",
    "births": "Births",
    "deaths": "Deaths",
    "internal_net": "Internal migration, net",
    "international_net": "International migration, net",
    "other": "Something else (say what in the description)",
}
KINDS = {
    "council_tax": "Council tax register",
    "school_census": "School census",
    "gp_list": "General practice (GP) lists",
    "housing_completions": "Housing completions",
    "special_populations": "Students, armed forces, prisons or care homes",
    "other": "Something else (say what in the description)",
}
MOST_LETTERS = 2000
_LINE = 300
_Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=_LINE)]
_Filled = Annotated[_Line, StringConstraints(min_length=1)]
_Figure = Literal["population", "births", "deaths", "internal_net", "international_net", "other"]
_Kind = Literal[
    "council_tax", "school_census", "gp_list", "housing_completions", "special_populations", "other"
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EvidenceRelease(_Part):
    """The release that the evidence is about."""

    title: _Filled
    edition: _Line = ""
    vintage: _Line = ""
    date: _Line = Field("", description="Day of publication, empty where it has none")


class EvidenceArea(_Part):
    """The area that the evidence is about."""

    code: str = Field(pattern=f"^({AREA_PATTERN})$")
    name: _Line


class EvidenceContact(_Part):
    """Whom the producer can ask; both may stay empty."""

    name: _Line = ""
    email: str = Field("", max_length=_LINE, pattern=r"^([^@\s]+@[^@\s]+\.[^@\s]+)?$")


class Evidence(_Part):
    """What somebody knows about a published figure."""

    schema_: Literal["ravenstein evidence 1"] = Field(alias="schema")
    release: EvidenceRelease
    area: EvidenceArea
    figure: _Figure = Field(description="Which figure: " + ", ".join(FIGURES))
    year: StrictInt = Field(ge=1800, le=2200, description="Mid-year, or year to mid-year")
    published: StrictInt | None = Field(description="The published value [persons]")
    believed: StrictInt | None = Field(
        None, description="What the sender believes it is [persons], where they can say"
    )
    kind: _Kind = Field(description="Kind of evidence: " + ", ".join(KINDS))
    description: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MOST_LETTERS)
    ]
    source: _Filled = Field(description="Who holds the evidence, and where it can be found")
    reference_date: dt.date = Field(description="The day that the evidence is of")
    contact: EvidenceContact = EvidenceContact()


def read_evidence(text: str, shown: str) -> Evidence:
    """Read a file of evidence.

    Args:
        text: The file's text.
        shown: Its name, for messages.

    Raises:
        SourceError: The file is not JSON, of another schema, or a part is missing or wrong.
    """
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise _wrong(
            "A file of evidence is not JSON.",
            "the file that the evidence page writes",
            error.msg,
            f"{shown}, line {error.lineno}",
        ) from None
    schema = found.get("schema") if isinstance(found, dict) else None
    if schema != SCHEMA:
        raise _wrong(
            "A file is not evidence of a schema known here.",
            f'"schema": "{SCHEMA}"',
            "no schema" if schema is None else json.dumps(schema)[:60],
            shown,
        )
    try:
        return Evidence.model_validate_json(text)
    except ValidationError as errors:
        parts = [(".".join(map(str, e["loc"])), e["msg"]) for e in errors.errors()]
        raise _wrong(
            "A file of evidence has parts that are missing or wrong.",
            parts[0][1],
            listed(f"{place}: {message}" for place, message in parts),
            f"{shown}, {parts[0][0]}",
        ) from None


def _wrong(problem: str, expected: str, found: str, where: str) -> SourceError:
    fix = "Correct it, or write the file again on the release's page evidence.html."
    return SourceError(problem, expected=expected, found=found, where=where, fix=fix)


def evidence_template(facts: dict[str, str]) -> str:
    """Return a file of evidence that can be filled by hand.

    Args:
        facts: `title`, `edition`, `vintage` and `date` of the release; empty where there is none.

    Returns:
        Text of `assets/evidence-template.json`. It is refused until it is filled.
    """
    blank = {
        "schema": SCHEMA,
        "release": facts,
        "area": {"code": "", "name": ""},
        "figure": " | ".join(FIGURES),
        "year": None,
        "published": None,
        "believed": None,
        "kind": " | ".join(KINDS),
        "description": "",
        "source": "",
        "reference_date": "YYYY-MM-DD",
        "contact": {"name": "", "email": ""},
    }
    return json.dumps(blank, ensure_ascii=False, indent=2) + "\n"


def evidence_view(facts: dict[str, str], years: list[int], contact: str) -> dict[str, Any]:
    """Return what the page of evidence shows.

    Args:
        facts: As of `evidence_template`.
        years: Mid-years with figures, in order.
        contact: Whom readers can ask; a link to write to is made where it holds an address.
            Its words `before` and `after` the address stand around the link.
    """
    contact = contact.strip().rstrip(".")
    found = re.search(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", contact)
    start, end = found.span() if found else (len(contact), len(contact))
    return {
        "facts": facts,
        "years": [(year, year) for year in reversed(years)],
        "figures": FIGURES,
        "kinds": KINDS,
        "schema": SCHEMA,
        "letters": MOST_LETTERS,
        "contact": contact,
        "before": contact[:start],
        "address": contact[start:end],
        "after": contact[end:],
    }
