"""The people of one block of the twin: born, ageing, moving, migrating, dying.

Usual residence changes with a stay, or an absence, of 12 months or more as it really turned out;
shorter ones are journeys, whatever was stated at the border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ravenstein.twin.columns import Rows
from ravenstein.twin.destinations import destinations
from ravenstein.twin.draws import Season, day, pick, short_term_days
from ravenstein.twin.geography import KINDS, Areas, areas
from ravenstein.twin.tally import Tally

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ravenstein.twin.settings import Settings

    Ints = NDArray[np.int64]
    Columns = dict[str, NDArray[Any]]

CITIZENSHIPS = ("british", "eu15", "eu8", "old_commonwealth", "new_commonwealth", "other")
BIRTH_COUNTRIES = ("country", *CITIZENSHIPS[1:])
OUTSIDE_EU = 3  # citizenships from this place on
SEXES = ("M", "F")
REASONS = (
    "definite_job", "looking_for_work", "accompany_join", "formal_study", "other",
    "holiday", "business", "visit_friends",
)  # fmt: skip
MIGRANT_REASONS = REASONS[:5]
SPECIAL = ("none", "armed_forces", "prisoner")
FAR = 10**6  # a day that never comes
WARM_UP = 8  # years before the first mid-year, so that stays in progress are of all lengths
_YEAR = 365.25
_TWELVE_MONTHS = 366
_ACCOMPANY, _STUDY, _OTHER = 2, 3, 4
_LEAVES = {"armed_forces": 20_089, "prisoner": 32_873}  # oldest age in days: 55 and 90 years


@dataclass(frozen=True)
class Residents:
    """What happened in a block.

    Args:
        persons: `sex` (1 male, 2 female), `birth` and `death` [day], `citizenship`,
            `birth_country` (as citizenship, 0 for the country), `asylum` (dependants too), `mother`
            and `lead` (the traveller whom an immigrant came with), -1 for none, by person [n].
        spells: Spells of usual residence: `person`, `start`, `end` [day], `area` at the start,
            `arrived`, `left`, `reason_in`, `reason_out`, `stated_in`, `stated_out` (whether 12
            months or more were stated at the border).
        moves: Moves between areas: `person`, `day`, `origin`, `destination`.
        short: Stays of arrivals, and absences of residents, of 1 to 12 months: `person`, `start`,
            `end`, `home` (1: an absence of a resident), `reason`, `stated` (1: 12 months or more
            were stated at the border), `area` of the stay or of residence. Shorter trips are drawn
            with the journeys.
        terms: Service in the armed forces and prison terms: `person`, `start`, `end`, `kind` (a
            place in `SPECIAL`).
        population: Residents at each mid-year [years, areas, 2, ages].
        components: Components of change of each year to mid-year, by age at its end
            [years, areas, 2, ages]; migration by the definition of usual residence.
    """

    persons: Columns
    spells: Columns
    moves: Columns
    short: Columns
    terms: Columns
    population: Ints
    components: dict[str, Ints]


def residents(settings: Settings, generator: np.random.Generator, people: int) -> Residents:
    """Simulate the residents of one block, from a first population on.

    Args:
        settings: The settings.
        generator: The block's generator.
        people: Residents at the first mid-year, about.

    Returns:
        Everything that happened up to two years after the last mid-year, so that what is decided
        within 16 months is decided.
    """
    return _Block(settings, generator, people).run()


class _Block:
    """The simulation of one block, a year at a time."""

    def __init__(self, settings: Settings, generator: np.random.Generator, people: int) -> None:
        self.settings, self.g = settings, generator
        self.areas: Areas = areas(settings.scale.areas)
        self.first, self.last = settings.scale.first, settings.scale.last
        self.begin, self.horizon = self.first - WARM_UP, self.last + 2
        self.tally = Tally(self.first, self.last, settings.scale.areas)
        self.persons = Rows(
            ("sex", "birth", "death", "citizenship", "birth_country", "asylum", "mother", "lead")
        )
        self.spells = Rows(
            ("person", "start", "end", "area", "arrived", "left", "reason_in", "reason_out",
             "stated_in", "stated_out")
        )  # fmt: skip
        self.moves = Rows(("person", "day", "origin", "destination"))
        self.short = Rows(("person", "start", "end", "home", "reason", "stated", "area"))
        self.terms = Rows(("person", "start", "end", "kind"))
        self.returns = Rows(("person", "day", "area"))
        first, last = day(self.begin - 1, 7, 1), day(self.horizon + 1, 7, 1)
        season = settings.parameters["season"].values[0][1]
        self.seasons = {name: Season(season[name], first, last) for name in ("student", "other")}
        self.sex = self.birth = self.death = self.citizenship = np.empty(0, dtype=np.int64)
        self.now = self._first_population(people)

    def run(self) -> Residents:
        """Simulate all years."""
        for year in range(self.begin + 1, self.horizon + 1):
            self._year(year)
        now = self.now
        self.spells.add(
            person=now["person"], start=now["start"], end=FAR, area=now["home"],
            arrived=now["arrived"], left=0, reason_in=now["reason"], reason_out=-1,
            stated_in=now["stated"], stated_out=0,
        )  # fmt: skip
        spells, moves = self.spells.joined(), self.moves.joined()
        return Residents(
            self.persons.joined(), spells, moves, self.short.joined(), self.terms.joined(),
            self.tally.population,
            self.tally.components,
        )  # fmt: skip

    def _new(self, sex: Any, birth: Any, citizenship: Any, since: int, **more: Any) -> Ints:
        """Add persons alive on a day; return their numbers."""
        death = self._death(sex, birth, since)
        count = birth.size
        more = {"birth_country": 0, "asylum": 0, "mother": -1, "lead": -1} | more
        self.persons.add(sex=sex, birth=birth, death=death, citizenship=citizenship, **more)
        first = self.sex.size
        self.sex = np.concatenate([self.sex, sex])
        self.birth = np.concatenate([self.birth, birth])
        self.death = np.concatenate([self.death, death])
        self.citizenship = np.concatenate([self.citizenship, citizenship])
        return np.arange(first, first + count)

    def _death(self, sex: Any, birth: Any, since: int) -> Ints:
        """Draw the day of death: a Gompertz hazard that falls with the years, and infants'."""
        names = ("mortality_level", "mortality_slope", "mortality_decline", "infant_mortality")
        level, slope, decline, infant = (
            self.settings.shares(name, since, ("male", "female"))[sex - 1] for name in names
        )
        entry = np.maximum(birth, since)
        age, time = (entry - birth) / _YEAR, (entry - day(2006, 7, 1)) / _YEAR
        rate = level * np.exp(slope * age - decline * time)
        k = slope - decline
        years = np.log1p(k * self.g.exponential(size=birth.size) / rate) / k
        died_young = (birth >= since) & (self.g.random(birth.size) < infant)
        years = np.where(died_young, self.g.random(birth.size) ** 3, years)
        return np.asarray(entry + 1 + years * _YEAR, dtype=np.int64)

    def _first_population(self, people: int) -> Columns:
        s, g = self.settings, self.g
        start = day(self.begin, 7, 1)
        count = round(people / 1.028)  # the population grows until the first mid-year
        shares = np.array(s.at("age_shares", start))
        group = pick(g, shares, count)
        women = np.array(s.at("female_share", start))[group]
        sex = np.where(g.random(count) < women, 2, 1)
        age = group * 5 + g.random(count) * 5 * np.where(group == shares.size - 1, 1.4, 1)
        birth = (start - 1 - age * _YEAR).astype(np.int64)
        citizenship = pick(g, s.shares("foreign_born", start, CITIZENSHIPS), count)
        country = self._birth_country(citizenship, "resident", start)
        numbers = self._new(sex, birth, citizenship, start, birth_country=country)
        area = pick(g, self.areas.size, count)
        return self._here(numbers, start, area)

    def _here(self, person: Ints, start: Any, area: Any, **more: Any) -> Columns:
        """Return rows of people who live in the country from a day on."""
        columns = {
            "person": person, "start": start, "area": area, "home": area, "leave": FAR,
            "arrived": 0, "reason": -1, "stated": 0, "reason_out": -1, "stated_out": 0, "back": FAR,
            "busy": start, "special": 0, "until": 0,
        } | more  # fmt: skip
        return {k: np.broadcast_to(np.asarray(v), person.size).copy() for k, v in columns.items()}

    def _year(self, year: int) -> None:
        start, end = day(year - 1, 7, 1), day(year, 7, 1)
        middle = (start + end) // 2
        size = self.now["person"].size
        self._serve(start, end)
        self._decide_to_leave(start, end)
        born = self._births(start, end)
        self._join(self._immigrants(start, end, size), self._returned(start, end))
        moved = self._move(start, end, middle)
        self._join(self._placed(born, moved, end))
        self._end_spells(end)
        now = self.now
        self.tally.count(year, now["area"], *self._who(now["person"]), end)

    def _join(self, *newcomers: Columns) -> None:
        columns = [self.now, *newcomers]
        self.now = {name: np.concatenate([c[name] for c in columns]) for name in self.now}

    def _birth_country(self, citizenship: Ints, who: str, start: int) -> Ints:
        """Draw countries of birth: foreigners' is that of their citizenship."""
        share = self.settings.at("born_abroad", start)[who]
        abroad = (citizenship == 0) & (self.g.random(citizenship.size) < share)
        return np.where(
            abroad, self.g.integers(1, len(CITIZENSHIPS), citizenship.size), citizenship
        )

    def _serve(self, start: int, end: int) -> None:
        """End terms of service and prison, and begin new ones, so that shares stay."""
        s, g, now = self.settings, self.g, self.now
        now["special"][now["until"] <= start] = 0
        person = now["person"]
        age = (start - self.birth[person]) / _YEAR
        adults = int(((age >= 18) & (age < 55)).sum())
        shares, years = (s.at(n, start) for n in ("special_populations", "special_years"))
        ages = {"armed_forces": (17.5, 25), "prisoner": (18, 50)}
        first = start == day(self.begin, 7, 1)
        for kind, name in enumerate(SPECIAL[1:], start=1):
            wanted, length = shares[name] * adults, years[name] + (kind == 1)
            count = round(wanted) if first else int(g.poisson(wanted / length))
            low, high = (17.5, 50) if first else ages[name]
            fit = np.flatnonzero(
                (now["special"] == 0) & (age >= low) & (age < high) & (now["leave"] == FAR)
                & (now["busy"] <= start) & (self.death[person] > end)
            )  # fmt: skip
            men = g.binomial(count, s.at("special_men", start)[name])
            fit = g.permutation(fit)
            by_sex = [fit[self.sex[person[fit]] == code] for code in (1, 2)]
            chosen = np.concatenate([by_sex[0][:men], by_sex[1][: count - men]])
            since = g.integers(start, start + 1 if first else end, chosen.size)
            term = g.exponential(years[name], chosen.size) + (kind == 1)
            until = since + 1 + (term * _YEAR).astype(np.int64)
            until = np.minimum(until, self.birth[person[chosen]] + _LEAVES[name])
            now["special"][chosen], now["until"][chosen] = kind, until
            now["busy"][chosen] = until
            over = np.minimum(until, self.death[person[chosen]])
            kept = since < over
            who, since, over = person[chosen][kept], since[kept], over[kept]
            self.terms.add(person=who, start=since, end=over, kind=kind)

    def _births(self, start: int, end: int) -> Columns:
        s, g, now = self.settings, self.g, self.now
        women = np.flatnonzero(self.sex[now["person"]] == 2)
        person = now["person"][women]
        age = ((start + end) / 2 - self.birth[person]) / _YEAR
        mothers = s.at("age_of_mothers", start)
        distance = (age - mothers["mean"]) / mothers["deviation"]
        density = np.exp(-(distance**2) / 2) / (mothers["deviation"] * np.sqrt(2 * np.pi))
        bears = (age > 14) & (age < 50) & (g.random(age.size) < s.at("fertility", start) * density)
        women, person = women[bears], person[bears]
        when = g.integers(start, end, women.size)
        kept = when < np.minimum(self.death[person], now["leave"][women])
        women, person, when = women[kept], person[kept], when[kept]
        boys = g.random(when.size) < s.at("boys_share", start)
        own = self.citizenship[person]
        citizenship = np.where(g.random(when.size) < s.at("child_citizenship", start), own, 0)
        numbers = self._new(np.where(boys, 1, 2), when, citizenship, start, mother=person)
        return self._here(numbers, when, now["area"][women], mother=person)

    def _placed(self, born: Columns, moved: Columns, end: int) -> Columns:
        """Return the newborn where their mothers live on the day of birth."""
        order = np.argsort(moved["person"])
        place = np.searchsorted(moved["person"], born["mother"], sorter=order)
        row = np.append(order, -1)[np.minimum(place, order.size)]
        found = {name: np.append(values, -1)[row] for name, values in moved.items()}
        before = (found["person"] == born["mother"]) & (found["day"] <= born["start"])
        born["area"] = born["home"] = np.where(before, found["destination"], born["area"])
        self._add("births", born["area"], born["person"], end)
        return born

    def _decide_to_leave(self, start: int, end: int) -> None:
        """Draw who of the settled goes abroad this year, why, and for how long."""
        s, g, now = self.settings, self.g, self.now
        person = now["person"]
        settled = (now["leave"] == FAR) & (now["special"] == 0)
        age = ((start + end) / 2 - self.birth[person]) / _YEAR
        rate = s.at("emigration", start)
        chance = rate["base"] + rate["young"] * np.exp(-(((age - 30) / 11) ** 2))
        short = s.at("visitor_switchers", start)["departure"]
        drawn = g.random(person.size)
        leaves = np.flatnonzero(settled & (drawn < chance + short))
        stated = (drawn[leaves] < chance[leaves]).astype(np.int64)
        when = self.seasons["other"].between(g, np.full(leaves.size, start), end)
        reason = self._why_out(leaves.size, start)
        free = (when < self.death[person[leaves]] - 1) & (when > now["busy"][leaves] + 1)
        free &= when > now["start"][leaves] + _TWELVE_MONTHS * now["arrived"][leaves]
        leaves, stated, when, reason = (v[free] for v in (leaves, stated, when, reason))
        back_soon = (g.random(leaves.size) < s.at("migrant_switchers", start)["departure"]) & (
            stated == 1
        )
        days = self._switcher_days(leaves.size, start)
        self._absent(leaves[back_soon], when[back_soon], days[back_soon], reason[back_soon], 1)
        for_good = g.random(leaves.size) < s.at("absence_for_good", start)
        median = s.at("length_of_absence", start)
        years = 1 + median * g.lognormal(sigma=s.at("stay_spread", start), size=leaves.size)
        returns = np.where(for_good, FAR, when + _TWELVE_MONTHS + ((years - 1) * _YEAR).astype(int))
        gone = ~back_soon
        now["leave"][leaves[gone]] = when[gone]
        now["reason_out"][leaves[gone]] = reason[gone]
        now["stated_out"][leaves[gone]] = stated[gone]
        now["back"][leaves[gone]] = returns[gone]
        away = np.flatnonzero(
            (now["special"] == 0) & (g.random(person.size) < s.at("short_term", start)["resident"])
        )
        when = self.seasons["other"].between(g, np.full(away.size, start), end)
        reason = pick(g, s.shares("short_term_reason", start, REASONS, "resident"), away.size)
        self._absent(away, when, short_term_days(s, g, away.size, start), reason, 0)

    def _absent(self, rows: Ints, when: Ints, days: Ints, reason: Ints, stated: int) -> None:
        """Record absences of residents that fit between what they do already."""
        now = self.now
        back = when + days
        last = np.minimum(now["leave"][rows], self.death[now["person"][rows]])
        fits = (when > now["busy"][rows] + 1) & (back < last - 1)
        rows, when, back, reason = rows[fits], when[fits], back[fits], reason[fits]
        self.short.add(
            person=now["person"][rows], start=when, end=back, home=1, reason=reason,
            stated=stated, area=now["area"][rows],
        )  # fmt: skip
        now["busy"][rows] = back

    def _immigrants(self, start: int, end: int, size: int) -> Columns:
        """Draw new arrivals: long stays live here from then on, short ones are journeys."""
        s, g = self.settings, self.g
        middle = (start + end) // 2
        long = int(g.poisson(s.at("immigration", middle) * size))
        short = int(g.poisson(s.at("visitor_switchers", middle)["arrival"] * size))
        count = long + short
        stated = np.repeat([1, 0], [long, short])
        reason = pick(g, s.shares("immigrant_reason", middle, MIGRANT_REASONS), count)
        citizenship = pick(g, s.shares("immigrant_citizenship", middle, CITIZENSHIPS), count)
        when = np.where(
            reason == _STUDY,
            self.seasons["student"].between(g, np.full(count, start), end),
            self.seasons["other"].between(g, np.full(count, start), end),
        )
        pull = s.at("area_pull", start)
        kinds = [np.array([pull[part][k] for k in KINDS]) for part in ("formal_study", "work")]
        drawn = [pick(g, kind[self.areas.kind] * self.areas.size, count) for kind in kinds]
        area = np.where(reason == _STUDY, *drawn)
        stay = self._stay(reason, start)
        brief = (g.random(count) < s.at("migrant_switchers", start)["arrival"]) & (stated == 1)
        days = self._switcher_days(count, start)
        party = (reason == _ACCOMPANY) & (g.random(count) < s.at("party_share", start))
        leads, lead = np.flatnonzero(reason != _ACCOMPANY), np.arange(count)
        if leads.size:
            lead = np.where(party, leads[g.integers(0, leads.size, count)], lead)
            when, area, stay, citizenship = (v[lead] for v in (when, area, stay, citizenship))
            brief, stated, days = (v[lead] for v in (brief, stated, days))
        numbers = self._arrivals(reason, citizenship, when, start)
        if count:
            who = self.persons.parts[-1]
            who["asylum"] = who["asylum"][lead]
            who["lead"] = np.where(lead == np.arange(count), -1, numbers[lead])
        short_end = np.minimum(when + days, self.death[numbers] - 1)
        self.short.add(
            person=numbers[brief], start=when[brief], end=np.maximum(short_end, when + 1)[brief],
            home=0, reason=reason[brief], stated=1, area=area[brief],
        )  # fmt: skip
        here = ~brief
        self._add("international_in", area[here], numbers[here], end)
        leave = np.where(stay >= FAR, FAR, when + stay)
        leaves = leave < FAR
        return self._here(
            numbers[here], when[here], area[here], leave=leave[here], arrived=1,
            reason=reason[here], stated=stated[here],
            reason_out=np.where(leaves, self._why_out(count, start), -1)[here],
            stated_out=leaves[here].astype(int),
        )  # fmt: skip

    def _stay(self, reason: Ints, start: int) -> Ints:
        """Draw the days that arrivals stay, `FAR` for good."""
        s, g = self.settings, self.g
        for_good = s.shares("stay_for_good", start, MIGRANT_REASONS)[reason]
        median = s.shares("length_of_stay", start, MIGRANT_REASONS)[reason]
        years = median * g.lognormal(sigma=s.at("stay_spread", start), size=reason.size)
        days = _TWELVE_MONTHS + (years * _YEAR).astype(np.int64)
        return np.where(g.random(reason.size) < for_good, FAR, days)

    def _switcher_days(self, count: int, start: int) -> Ints:
        limits = self.settings.at("switcher_days", start)
        return self.g.integers(limits["shortest"], limits["longest"], count)

    def _why_out(self, count: int, start: int) -> Ints:
        """Draw reasons of leaving, or of coming back."""
        shares = self.settings.shares("emigrant_reason", start, MIGRANT_REASONS)
        return pick(self.g, shares, count)

    def _arrivals(self, reason: Ints, citizenship: Ints, when: Ints, start: int) -> Ints:
        """Add the persons who arrive, with sex and age by reason; return their numbers."""
        s, g = self.settings, self.g
        count = reason.size
        ages = s.at("immigrant_age", start)
        parts = [[ages[r][k] for r in MIGRANT_REASONS] for k in ("children", "mean", "deviation")]
        children, mean, deviation = (np.array(part)[reason] for part in parts)
        adult = 17 + g.gamma((mean / deviation) ** 2, deviation**2 / mean)
        age = np.where(g.random(count) < children, g.random(count) * 17, np.minimum(adult, 85))
        men = s.shares("immigrant_men", start, MIGRANT_REASONS)[reason]
        sex = np.where(g.random(count) < men, 1, 2)
        share, odds = s.at("asylum_share", start), s.at("asylum_odds", start)
        ratio = np.where(sex == 1, odds["men"], odds["women"])
        ratio = ratio * np.where(age >= 50, odds["over_50"], 1.0)
        chance = share * ratio / (1 - share + share * ratio)
        asylum = (reason == _OTHER) & (citizenship > 3) & (g.random(count) < chance)
        birth = when - 1 - (age * _YEAR).astype(np.int64)
        country = self._birth_country(citizenship, "immigrant", start)
        numbers = self._new(
            sex, birth, citizenship, start, birth_country=country, asylum=asylum.astype(int)
        )
        # nobody dies before arriving; who would have arrives and dies within the year
        late = self.death[numbers] <= when
        if late.any():
            self.death[numbers[late]] = when[late] + 1 + g.integers(0, 365, int(late.sum()))
            self.persons.parts[-1]["death"] = self.death[numbers]
        return numbers

    def _returned(self, start: int, end: int) -> Columns:
        """Return those whose absence ends this year, if they live."""
        rows = self.returns.joined()
        due = (rows["day"] >= start) & (rows["day"] < end)
        due &= rows["day"] < self.death[rows["person"]] - 1
        person, when, area = (rows[name][due] for name in ("person", "day", "area"))
        self._add("international_in", area, person, end)
        reason = self._why_out(person.size, start)
        return self._here(person, when, area, arrived=1, reason=reason, stated=1)

    def _move(self, start: int, end: int, middle: int) -> Columns:
        """Move people between areas: by stage of life, mostly within the nation."""
        s, g, now = self.settings, self.g, self.now
        person = now["person"]
        age = (middle - self.birth[person]) / _YEAR
        rate = s.at("internal_rate", middle)
        chance = (
            rate["base"]
            + rate["leaving_home"] * np.exp(-(((age - 19) / 1.8) ** 2))
            + rate["career"] * np.exp(-(((age - 25.5) / 6) ** 2))
            + rate["family"] * (np.exp(-(((age - 34) / 8) ** 2)) + np.exp(-age / 6))
        )
        chance = np.where(now["special"] > 0, 0.0, chance)
        moves = np.flatnonzero(g.random(person.size) < chance)
        share = g.random(moves.size)
        when = start + (share * (end - start)).astype(np.int64)
        studies = (age[moves] >= 17.5) & (age[moves] < 21)  # most of them: they move in autumn
        when[studies] = self.seasons["student"].reach(share[studies], start, end)
        last = np.minimum(self.death[person[moves]], now["leave"][moves])
        fits = (when > now["start"][moves]) & (when < last)
        moves, when = moves[fits], when[fits]
        ages = age[moves]
        stage = np.select([(ages >= 17.5) & (ages < 21), (ages >= 21) & (ages < 29), ages >= 55],
                          [0, 1, 3], 2)  # fmt: skip
        origin = now["area"][moves]
        destination = destinations(s, g, self.areas, (stage, origin), middle)
        real = destination != origin
        moves, when, origin, destination = (v[real] for v in (moves, when, origin, destination))
        self.moves.add(person=person[moves], day=when, origin=origin, destination=destination)
        self._add("internal_out", origin, person[moves], end)
        self._add("internal_in", destination, person[moves], end)
        now["area"][moves] = destination
        return {"person": person[moves], "day": when, "destination": destination}

    def _add(self, component: str, area: Any, person: Ints, end: int) -> None:
        self.tally.add(component, area, *self._who(person), end)

    def _who(self, person: Ints) -> tuple[Ints, Ints]:
        return self.sex[person], self.birth[person]

    def _end_spells(self, end: int) -> None:
        """Close the spells of those who left or died before the end of the year."""
        now = self.now
        death = self.death[now["person"]]
        over = (now["leave"] < end) | (death < end)
        left = over & (now["leave"] < death)
        ended = {name: values[over] for name, values in now.items()}
        gone = left[over]
        day_out = np.minimum(now["leave"], death)[over]
        self.spells.add(
            person=ended["person"], start=ended["start"], end=day_out, area=ended["home"],
            arrived=ended["arrived"], left=gone.astype(int), reason_in=ended["reason"],
            reason_out=np.where(gone, ended["reason_out"], -1), stated_in=ended["stated"],
            stated_out=np.where(gone, ended["stated_out"], 0),
        )  # fmt: skip
        self._add("deaths", ended["area"][~gone], ended["person"][~gone], end)
        self._add("international_out", ended["area"][gone], ended["person"][gone], end)
        back = gone & (ended["back"] < FAR)
        self.returns.add(
            person=ended["person"][back], day=ended["back"][back], area=ended["area"][back]
        )
        self.now = {name: values[~over] for name, values in now.items()}
