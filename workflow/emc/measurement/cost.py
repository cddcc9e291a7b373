"""What the cells that are still to do will take, from those that are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_STEEPEST: Final = 3.0
"""Bounds the power, so that a few cells of nearly one size cannot predict the absurd."""
_SHORTEST: Final = 1e-6
"""Seconds; a clock may call a cell free."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted seconds of training in all, and the factor by which a single cell may be off."""

    seconds: float
    factor: float
    learnt_from: int


def forecast(done: Sequence[tuple[int, float]], to_do: Sequence[int | None]) -> Forecast | None:
    """Predict from (parameters, seconds) of finished cells; None where nothing has finished.

    `to_do` holds the parameters of cells to come; a size that is not known yet, None, counts as
    the median of the finished ones.

    Seconds follow a power of the parameters from 0 to 3, fitted by least squares in the logarithms
    (a constant where fewer than three different sizes are known). The factor is exp(1.96 s), s the
    residual standard deviation; infinite where too few cells are known to tell.
    """
    if not done:
        return None
    size, seconds = np.log(np.maximum(np.array(done, dtype=float), _SHORTEST)).T
    fitted = len(np.unique(size)) >= 3
    power = _power(size, seconds) if fitted else 0.0
    level = float(np.mean(seconds - power * size))
    freedom = len(done) - 1 - fitted
    squares = float(np.sum((seconds - level - power * size) ** 2))
    deviation = (squares / freedom) ** 0.5 if freedom else np.inf
    median = float(np.median(size))
    sizes = np.array([median if one is None else np.log(one) for one in to_do])
    expected = np.exp(level + power * sizes)
    return Forecast(float(np.sum(expected)), float(np.exp(1.96 * deviation)), len(done))


def _power(size: np.ndarray, seconds: np.ndarray) -> float:
    spread = size - size.mean()
    slope = float(np.sum(spread * (seconds - seconds.mean())) / np.sum(spread**2))
    return min(max(slope, 0.0), _STEEPEST)
