"""Whether the training loss has stopped moving."""

from math import inf, nan
from typing import Final

import numpy as np

WINDOW: Final = 10
"""Epochs whose mean losses are compared."""


def plateau(losses: np.ndarray) -> float:
    """Relative variation of the last `WINDOW` epoch losses: (max - min) / |mean|.

    `losses` is [epochs], the oldest first; infinite where fewer than `WINDOW` were trained, zero
    where they are all equal, nan where one of them is not finite.
    """
    if len(losses) < WINDOW:
        return inf
    last = np.asarray(losses[-WINDOW:], dtype=np.float64)
    if not np.isfinite(last).all():
        return nan
    scale = max(abs(float(last.mean())), float(np.finfo(np.float64).tiny))
    return float(last.max() - last.min()) / scale


def is_plateau(losses: np.ndarray, tolerance: float) -> bool:
    """Whether the losses of the last `WINDOW` epochs varied by no more than `tolerance`."""
    return plateau(losses) <= tolerance
