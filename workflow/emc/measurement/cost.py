"""What cells to come will take, in seconds or in memory, and how far that may be off."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emc.records import Law

_STEEPEST: Final = 3.0
"""Bounds the power, so that a few cells of nearly one size cannot predict the absurd."""
_SMALLEST: Final = 1e-6
"""A clock may call a cell free."""
_UNTESTED: Final = 4.0
"""Factor by which a cell may be off, 95 %, before any has finished (benchmarks/README.md)."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A prediction for all cells to come, and how good it is.

    Attributes:
        total: sum over the cells.
        largest: of a single cell.
        factor: by which a single cell may be off, 95 %.
        left_out: by which finished cells are off, each predicted from the others: the root mean
            square in logarithms; infinite where there is one at most.
        learnt_from: finished cells.
    """

    total: float
    largest: float
    factor: float
    left_out: float
    learnt_from: int


def forecast(
    done: Sequence[tuple[float, float]],
    to_do: Sequence[float | None],
    *,
    expected: bool = False,
) -> Forecast | None:
    """Predict from (size, amount) of finished cells; None where nothing is known.

    `to_do` holds the sizes of cells to come; a size that is not known yet, None, counts as the
    median of the known ones. Sizes are parameters, or the amounts that are `expected`.

    Amounts are those that are `expected`, each of a finished cell from what the others took; or
    they follow a power of the parameters from 0 to 3, fitted by least squares in the logarithms (a
    constant where fewer than three different sizes are known). The factor is exp(1.96 s), s the
    residual standard deviation; infinite where too few cells are known to tell.
    """
    law = as_expected(done, to_do) if expected else fit(done)
    if law is None:
        return None
    amounts = np.exp([law.log_amount(size) for size in to_do])
    return Forecast(
        total=float(np.sum(amounts)),
        largest=float(np.max(amounts, initial=0.0)),
        factor=law.factor,
        left_out=_off(done) if expected else _left_out(done),
        learnt_from=law.learnt_from,
    )


def fit(done: Sequence[tuple[float, float]]) -> Law | None:
    """The law of (parameters, amount) of finished cells; None where nothing has finished."""
    if not done:
        return None
    size, amount = _logarithms(done)
    slope, level = _line(size, amount)
    freedom = len(done) - 1 - _has_slope(size)
    squares = float(np.sum((amount - level - slope * size) ** 2))
    deviation = (squares / freedom) ** 0.5 if freedom else np.inf
    return Law(
        level=level,
        power=slope,
        typical=float(np.exp(np.median(size))),
        factor=float(np.exp(1.96 * deviation)),
        learnt_from=len(done),
    )


def as_expected(done: Sequence[tuple[float, float]], to_do: Sequence[float | None]) -> Law | None:
    """The law of what is expected, which finished cells, (expected, amount), tell the error of.

    None where nothing is expected of any cell.
    """
    known = [size for size in to_do if size is not None] or [size for size, _ in done]
    if not known:
        return None
    return Law(
        level=0.0,
        power=1.0,
        typical=float(np.median(known)),
        factor=_off(done) ** 1.96 if done else _UNTESTED,
        learnt_from=len(done),
    )


def _off(done: Sequence[tuple[float, float]]) -> float:
    """Factor by which amounts are off that were expected: the root mean square in logarithms."""
    if len(done) < 2:
        return np.inf
    expected, amount = _logarithms(done)
    return float(np.exp(np.sqrt(np.mean((amount - expected) ** 2))))


def _logarithms(done: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    size, amount = np.log(np.maximum(np.array(done, dtype=float), _SMALLEST)).T
    return size, amount


def _left_out(done: Sequence[tuple[float, float]]) -> float:
    """Factor by which cells are off that the line through all the others predicts."""
    if len(done) < 2:
        return np.inf
    size, amount = _logarithms(done)
    predicted = []
    for place in range(len(size)):
        others = np.arange(len(size)) != place
        slope, level = _line(size[others], amount[others])
        predicted.append(level + slope * size[place])
    return _off(list(zip(np.exp(predicted), np.exp(amount), strict=True)))


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
