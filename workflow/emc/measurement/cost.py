"""What cells to come will take, in seconds or in memory, from what is expected of them.

Before a first cell has finished, what is expected counts as it is; then finished cells correct it.
"""

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

    Amounts follow a power of the size: of expected amounts 1, of parameters from 0 to 3, fitted by
    least squares in the logarithms (a constant where fewer than three different sizes are known).
    The factor is exp(1.96 s), s the residual standard deviation; infinite where too few cells are
    known to tell.
    """
    law = corrected(done, to_do) if expected else fit(done)
    if law is None:
        return None
    amounts = np.exp([law.log_amount(size) for size in to_do])
    return Forecast(
        total=float(np.sum(amounts)),
        largest=float(np.max(amounts, initial=0.0)),
        factor=law.factor,
        left_out=_left_out(done, 1.0 if expected else None),
        learnt_from=law.learnt_from,
    )


def fit(done: Sequence[tuple[float, float]]) -> Law | None:
    """The law of (parameters, amount) of finished cells; None where nothing has finished."""
    return _fitted(done, None) if done else None


def corrected(done: Sequence[tuple[float, float]], to_do: Sequence[float | None]) -> Law | None:
    """The law of (expected, amount): of finished cells their mean ratio, without any as expected.

    None where nothing is expected of any cell.
    """
    if done:
        return _fitted(done, 1.0)
    known = [size for size in to_do if size is not None]
    if not known:
        return None
    return Law(0.0, 1.0, typical=float(np.median(known)), factor=_UNTESTED, learnt_from=0)


def _fitted(done: Sequence[tuple[float, float]], power: float | None) -> Law:
    size, amount = _logarithms(done)
    slope, level = _line(size, amount, power)
    freedom = len(done) - 1 - (power is None and _has_slope(size))
    squares = float(np.sum((amount - level - slope * size) ** 2))
    deviation = (squares / freedom) ** 0.5 if freedom else np.inf
    return Law(
        level=level,
        power=slope,
        typical=float(np.exp(np.median(size))),
        factor=float(np.exp(1.96 * deviation)),
        learnt_from=len(done),
    )


def _logarithms(done: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    size, amount = np.log(np.maximum(np.array(done, dtype=float), _SMALLEST)).T
    return size, amount


def _left_out(done: Sequence[tuple[float, float]], power: float | None) -> float:
    """Factor by which cells are off that are predicted from all the others."""
    if len(done) < 2:
        return np.inf
    size, amount = _logarithms(done)
    errors = []
    for place in range(len(size)):
        others = np.arange(len(size)) != place
        slope, level = _line(size[others], amount[others], power)
        errors.append(amount[place] - level - slope * size[place])
    return float(np.exp(np.sqrt(np.mean(np.square(errors)))))


def _line(size: np.ndarray, amount: np.ndarray, power: float | None) -> tuple[float, float]:
    """Power and level of the least-squares line; of the line of a given `power`."""
    if power is None:
        power = _power(size, amount) if _has_slope(size) else 0.0
    return power, float(np.mean(amount - power * size))


def _has_slope(size: np.ndarray) -> bool:
    return len(np.unique(size)) >= 3


def _power(size: np.ndarray, amount: np.ndarray) -> float:
    spread = size - size.mean()
    slope = float(np.sum(spread * (amount - amount.mean())) / np.sum(spread**2))
    return min(max(slope, 0.0), _STEEPEST)
