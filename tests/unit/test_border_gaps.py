"""Crossings that repeat a direction, by month."""

import datetime as dt

import numpy as np

from ravenstein.pipelines.border_answers import gap_rows
from ravenstein.store.files import as_declared
from ravenstein.tables.border import BORDER_GAPS


def test_months_with_crossings_are_rows():
    by_month = np.zeros((482, 2), dtype=np.int64)
    by_month[[480, 481]] = [[10, 3], [7, 0]]  # 40 years of months after January 1970
    assert as_declared(BORDER_GAPS, gap_rows(by_month)).to_pylist() == [
        {"month": dt.date(2010, 1, 1), "crossings": 10, "repeated": 3},
        {"month": dt.date(2010, 2, 1), "crossings": 7, "repeated": 0},
    ]
    assert gap_rows(np.zeros((5, 2), dtype=np.int64)).num_rows == 0
