"""What the cells that are still to do will take, from those that are done."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted seconds of training in all, and the factor by which a single cell may be off."""

    seconds: float
    factor: float
    learnt_from: int


def forecast(done: Sequence[tuple[int, float]], to_do: Sequence[int]) -> Forecast | None:
    """Predict from (parameters, seconds) of finished cells; None where nothing has finished.

    Seconds follow a power of the parameters, fitted by least squares in the logarithms (a
    constant where fewer than three different sizes are known). The factor is exp(1.96 s), s the
    residual standard deviation; infinite where too few cells are known to tell.
    """
    if not done:
        return None
    size, seconds = np.log(np.array(done, dtype=float)).T
    degree = 1 if len(np.unique(size)) >= 3 else 0
    line = np.polyfit(size, seconds, degree)
    freedom = len(done) - degree - 1
    squares = float(np.sum((seconds - np.polyval(line, size)) ** 2))
    deviation = float(np.sqrt(squares / freedom)) if freedom > 0 else float("inf")
    expected = np.exp(np.polyval(line, np.log(np.array(to_do, dtype=float))))
    return Forecast(float(np.sum(expected)), float(np.exp(1.96 * deviation)), len(done))
