"""Small closed worlds of people by area, sex and age, simulated so that every account balances."""

from __future__ import annotations

import numpy as np

from ravenstein.demography.ages import aged_on
from ravenstein.population.roll_forward import Cells

FLOWS = ("births", "deaths", "internal_in", "internal_out", "international_in",
         "international_out")  # fmt: skip


def cells(areas: int, years: int) -> Cells:
    """Return the cells of a world."""
    return Cells(
        tuple(f"E0600{place:04d}" for place in range(areas)), tuple(range(2001, 2002 + years))
    )


def world(areas: int, years: int, size: float, seed: int = 0, *, late: bool = False):
    """Simulate people one by one, as counts.

    Args:
        areas: Number of areas.
        years: Number of years.
        size: Expected people of a cell.
        seed: The seed.
        late: Whether those who arrive may also die, emigrate or be taken away by a special change
            in the same year.

    Returns:
        Stocks [years + 1, areas, 2, 91] and components [years, areas, 2, 91].
    """
    generator = np.random.default_rng(seed)
    ages = np.arange(91)
    mean = generator.gamma(2, size / 2, (areas, 2, 1)) * np.exp(-ages / 60)
    stocks, components = [generator.poisson(mean)], {name: [] for name in FLOWS}
    for _ in range(years):
        here = aged_on(stocks[-1])
        births = np.zeros_like(here)
        births[..., 0] = generator.poisson(size, births.shape[:2])
        immigrants = generator.poisson(size * 0.03, here.shape)
        here = here + births + immigrants
        deaths = generator.binomial(here, np.minimum(0.9, 1e-4 * np.exp(0.09 * ages)))
        emigrants = generator.binomial(here - deaths, 0.03)
        movers = generator.binomial(here - deaths - emigrants, 0.05)
        arrived = np.zeros_like(movers)
        for sex, age in np.ndindex(2, 91):
            pool = movers[:, sex, age].sum()
            arrived[:, sex, age] = generator.multinomial(pool, np.full(areas, 1 / areas))
        here = here - deaths - emigrants - movers + arrived
        year = [births, deaths, arrived, movers, immigrants, emigrants]
        if late:
            died, left = generator.binomial(here, 0.15), generator.binomial(here, 0.1)
            taken = np.minimum(generator.poisson(size * 0.02, here.shape), here - np.minimum(
                died + left, here))  # fmt: skip
            left = np.minimum(left, here - died)
            year[1], year[5] = deaths + died, emigrants + left
            here = here - died - left - taken
            components.setdefault("special_change", []).append(-taken)
        stocks.append(here)
        for name, flows in zip(FLOWS, year, strict=True):
            components[name].append(flows)
    return np.stack(stocks), {name: np.stack(flows) for name, flows in components.items()}
