"""What is withheld, and that it cannot be had by subtraction."""

import itertools

import numpy as np

from ravenstein.release.disclosure import parameters, withheld


def flows(counts, by="area"):
    """Return rows of a breakdown: interviews of immigration and emigration by category."""
    rows = []
    for category, (into, out) in counts.items():
        for flow, contacts in (("immigration", into), ("emigration", out), ("net", into + out)):
            if contacts:
                rows.append({
                    "definition": "long_term", "year": 2012, "by": by, "flow": flow,
                    "category": category, "contacts": contacts, "persons": 10.0 * contacts,
                    "lower": 1.0,
                })  # fmt: skip
    return rows


def hidden(rows):
    return {(r["flow"], r["category"]) for r in rows if r["persons"] is None}


def test_few_interviews_and_what_gives_them_away_are_withheld():
    found = withheld(flows({"A": (2, 40), "B": (5, 30), "C": (50, 60)}), 3)
    assert hidden(found) == {
        ("immigration", "A"), ("immigration", "B"), ("net", "A"), ("net", "B")
    }  # fmt: skip
    assert all(row["lower"] is None for row in found if row["persons"] is None)
    assert {row["contacts"] for row in found} >= {2, 5}, "interviews are told"
    plain = flows({"A": (3, 40), "B": (5, 30)})
    assert withheld(plain, 3) == plain
    whole = flows({"all": (1, 1)}, by="all")
    assert withheld(whole, 3) == whole
    assert parameters()["least_interviews"].values[0][1] == 3


def test_no_withheld_figure_follows_from_the_published_ones():
    """Totals of flows and net = in − out, as equations: a withheld cell is never determined."""
    g = np.random.default_rng(4)
    for _ in range(60):
        categories = "ABCDE"[: g.integers(2, 6)]
        counts = {c: tuple(g.choice([1, 2, 4, 9, 30], 2)) for c in categories}
        rows = withheld(flows(counts), 3)
        cells = [(r["flow"], r["category"]) for r in rows]
        place = {cell: i for i, cell in enumerate(cells)}
        equations = []
        for flow in ("immigration", "emigration", "net"):
            equations.append([float(f == flow) for f, _ in cells])  # the total is published
        for c in categories:
            row = np.zeros(len(cells))
            row[place["immigration", c]], row[place["emigration", c]] = 1, -1
            row[place["net", c]] = -1
            equations.append(row)
        gone = [place[cell] for cell in hidden(rows)]
        if not gone:
            continue
        unknown = np.array(equations)[:, gone]
        rank = np.linalg.matrix_rank(unknown)
        for j in range(len(gone)):
            others = np.delete(unknown, j, axis=1)
            assert np.linalg.matrix_rank(others) == rank, (counts, cells[gone[j]])


def test_rows_keep_their_order():
    rows = flows(dict.fromkeys("ABC", (1, 9)))
    assert [r["category"] for r in withheld(rows, 3)] == list(
        itertools.chain(*[[c] * 3 for c in "ABC"])
    )
