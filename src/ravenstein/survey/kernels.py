"""Compiled loops over sparse rows: what would otherwise need dense n × p arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from scipy import sparse

    from ravenstein.survey.stages import Floats
    from ravenstein.survey.variance import Matrix


def gram(x: sparse.csr_array, weights: Floats) -> Matrix:
    r"""Return $X^\top \mathrm{diag}(w) X$ of a sparse matrix [p, p]."""
    product: Matrix = _gram(x.indptr, x.indices, x.data, weights, x.shape[1])
    return product


def projected(x: sparse.csr_array, weights: Floats) -> Floats:
    r"""Return $X^\top w$ [p]."""
    product: Floats = _projected(x.indptr, x.indices, x.data, weights, x.shape[1])
    return product


@njit(cache=True)
def _gram(indptr: Any, indices: Any, data: Any, weights: Any, p: int) -> Any:
    out = np.zeros((p, p))
    for row in range(indptr.size - 1):
        for i in range(indptr[row], indptr[row + 1]):
            left = data[i] * weights[row]
            for j in range(indptr[row], indptr[row + 1]):
                out[indices[i], indices[j]] += left * data[j]
    return out


@njit(cache=True)
def _projected(indptr: Any, indices: Any, data: Any, weights: Any, p: int) -> Any:
    out = np.zeros(p)
    for row in range(indptr.size - 1):
        for i in range(indptr[row], indptr[row + 1]):
            out[indices[i]] += data[i] * weights[row]
    return out
