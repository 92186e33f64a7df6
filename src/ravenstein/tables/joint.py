"""Other producers' statistics in one table: what a joint release shows beside its own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ravenstein.core.schema import CodeList, Column, ColumnType, Table
from ravenstein.tables import other_statistics as others
from ravenstein.tables.passenger_survey import CITIZENSHIPS
from ravenstein.tables.survey_results import FLOWS

if TYPE_CHECKING:
    from collections.abc import Mapping

ALL = "all"
"""The category that holds all persons of a measure."""

TOPICS = CodeList(
    "topic of other producers' statistics",
    {
        "asylum": "Asylum",
        "returns": "Returns",
        "settlement": "Settlement",
        "citizenship": "British citizenship",
        "visas": "Visas",
        "work": "Registered workers",
        "insurance": "National insurance numbers",
        "ireland": "The Irish Republic",
    },
    source="Home Office, Immigration system statistics: topics; others by their own names",
)

MEASURES = CodeList(
    "measure of other producers' statistics",
    {
        "applications": "Applications for asylum, with dependants",
        "decisions": "Initial decisions on applications for asylum, and withdrawals",
        "returns": "Returns of people without leave to remain",
        "settlement_grants": "Grants of settlement",
        "citizenship_grants": "Grants of citizenship",
        "visas": "Visas for more than six months",
        "registrations": "Registrations of workers from the eight states that joined in 2004",
        "numbers": "National insurance numbers given to adults who came from abroad",
        "moves": "Moves to and from the Irish Republic",
    },
    source="The producers' own names, shortened",
)

CATEGORIES: Mapping[str, CodeList] = {
    "applications": others.APPLICANTS,
    "decisions": others.OUTCOMES,
    "returns": others.RETURNS,
    "settlement_grants": others.SETTLEMENT,
    "citizenship_grants": CITIZENSHIPS,
    "visas": others.VISAS,
    "moves": FLOWS,
}
"""The main category of each measure that has one."""

RELATIONS: Mapping[str, str] = {
    "asylum": "Of those who apply, most stay for a year and are immigrants of that year. The "
    "passenger survey meets some of them; total migration adds the others. A decision is made "
    "months or years after: it is no arrival and no departure.",
    "returns": "Somebody who is returned after living here for 12 months or more is an emigrant. "
    "Some had been here for less, and some leave as passengers whom the survey counts: total "
    "migration adds the others.",
    "settlement": " ".join(others.SETTLEMENT_GRANTS.notes),
    "citizenship": "A grant is not an arrival: it is made after years of residence, and nobody "
    "crosses the border for it. It moves people between groups by citizenship.",
    "visas": " ".join(others.VISAS_ISSUED.notes) + " A visa is leave to come, not an arrival, and "
    "some who come stay for less than 12 months.",
    "work": " ".join(others.WORKER_REGISTRATIONS.notes),
    "insurance": "Numbers are given to those who come for some months too, sometimes years after "
    "they came, and to nobody who does not work or claim. Numbers are for life: nobody is taken "
    "off who leaves or dies.",
    "ireland": "Counted by the Republic's statistics office, in years to mid-April. Total "
    "migration takes its moves over the land border from them.",
}
"""How each topic relates to migration, in plain words."""

_TEXT = ColumnType.STRING

JOINT_STATISTICS = Table(
    "joint_statistics",
    "Other producers' statistics by year and main category, by the producers' own definitions",
    grain=("topic", "measure", "year", "category"),
    columns=(
        Column("topic", _TEXT, "Topic", codes=TOPICS),
        Column("measure", _TEXT, "What is counted", codes=MEASURES),
        Column("producer", _TEXT, "Who publishes it"),
        Column("status", _TEXT, "Its status there; empty where the study does not say"),
        Column(
            "year", ColumnType.INTEGER, "Calendar year; of moves to and from the Irish Republic "
            "the year to mid-April", unit="calendar year", minimum=1900,
        ),
        Column(
            "category", _TEXT, "Ground, outcome, applicant, type, citizenship or direction; all "
            "for everybody", pattern="[a-z][a-z0-9_]*",
        ),
        Column("persons", ColumnType.INTEGER, "Persons or cases", unit="persons", minimum=0),
    ),
    source="The producers' tables, as the study names them",
    notes=(
        "Whole years only: a year of which the source has some quarters is left out.",
        "Definitions are the producers'. None of these is long-term migration: they are not to be "
        "added to it, or to one another.",
    ),
)  # fmt: skip
