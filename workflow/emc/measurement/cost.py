"""What cells to come will take, in seconds or in memory, from those that are done."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emc.records import Law

_STEEPEST: Final = 3.0
"""Bounds the power, so that a few cells of nearly one size cannot predict the absurd."""
_SMALLEST: Final = 1e-6
"""A clock may call a cell free."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A prediction for all cells to come, and how good it is.

    Attributes:
        total: sum over the cells.
        largest: of a single cell.
        factor: by which a single cell may be off, 95 %.
        left_out: by which finished cells are off, each predicted from the others: the root mean
            square in logarithms; infinite where there is one.
        learnt_from: finished cells.
    """

    total: float
    largest: float
    factor: float
    left_out: float
    learnt_from: int


def forecast(done: Sequence[tuple[int, float]], to_do: Sequence[int | None]) -> Forecast | None:
    """Predict from (parameters, amount) of finished cells; None where nothing has finished.

    `to_do` holds the parameters of cells to come; a size that is not known yet, None, counts as
    the median of the finished ones.

    Amounts follow a power of the parameters from 0 to 3, fitted by least squares in the logarithms
    (a constant where fewer than three different sizes are known). The factor is exp(1.96 s), s the
    residual standard deviation; infinite where too few cells are known to tell.
    """
    law = fit(done)
    if law is None:
        return None
    expected = np.exp([law.log_amount(parameters) for parameters in to_do])
    return Forecast(
        total=float(np.sum(expected)),
        largest=float(np.max(expected, initial=0.0)),
        factor=law.factor,
        left_out=_left_out(*_logarithms(done)),
        learnt_from=law.learnt_from,
    )


def fit(done: Sequence[tuple[int, float]]) -> Law | None:
    """The law of (parameters, amount) of finished cells; None where nothing has finished."""
    if not done:
        return None
    size, amount = _logarithms(done)
    power, level = _line(size, amount)
    freedom = len(done) - 1 - _has_slope(size)
    squares = float(np.sum((amount - level - power * size) ** 2))
    deviation = (squares / freedom) ** 0.5 if freedom else np.inf
    return Law(
        level=level,
        power=power,
        typical=float(np.exp(np.median(size))),
        factor=float(np.exp(1.96 * deviation)),
        learnt_from=len(done),
    )


def _logarithms(done: Sequence[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    size, amount = np.log(np.maximum(np.array(done, dtype=float), _SMALLEST)).T
    return size, amount


def _left_out(size: np.ndarray, amount: np.ndarray) -> float:
    """Factor by which cells are off that are predicted from all the others."""
    if len(size) == 1:
        return np.inf
    errors = []
    for place in range(len(size)):
        others = np.arange(len(size)) != place
        power, level = _line(size[others], amount[others])
        errors.append(amount[place] - level - power * size[place])
    return float(np.exp(np.sqrt(np.mean(np.square(errors)))))


def _line(size: np.ndarray, amount: np.ndarray) -> tuple[float, float]:
    """Power and level of the least-squares line."""
    power = _power(size, amount) if _has_slope(size) else 0.0
    return power, float(np.mean(amount - power * size))


def _has_slope(size: np.ndarray) -> bool:
    return len(np.unique(size)) >= 3


def _power(size: np.ndarray, amount: np.ndarray) -> float:
    spread = size - size.mean()
    slope = float(np.sum(spread * (amount - amount.mean())) / np.sum(spread**2))
    return min(max(slope, 0.0), _STEEPEST)
