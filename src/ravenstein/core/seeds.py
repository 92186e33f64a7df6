"""One random generator a step, derived from the study's seed and the step's name."""

from __future__ import annotations

import hashlib

import numpy as np


def step_generator(seed: int, step: str) -> np.random.Generator:
    """Return the generator of one step.

    Steps have independent streams: adding one changes no other's numbers.

    Args:
        seed: The study's seed.
        step: The step's name.

    Returns:
        A NumPy generator (PCG64).

    >>> a, b = step_generator(1, "twin/areas"), step_generator(1, "twin/areas")
    >>> bool(a.random() == b.random())
    True
    """
    digest = hashlib.sha256(step.encode()).digest()
    words = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))
