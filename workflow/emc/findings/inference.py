"""Tests of a mean of log ratios: interval, significance, and how many more would do."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import stats

LEVEL: Final = 0.95
POWER: Final = 0.8
MOST_UNITS: Final = 10_000


class MeanInterval(NamedTuple):
    """A mean with its two-sided t interval; both ends NaN with fewer than two values."""

    mean: float
    low: float
    high: float


def mean_interval(values: np.ndarray, level: float = LEVEL) -> MeanInterval:
    """Mean and interval of independent values, float64 [units], one at least."""
    mean = float(np.mean(values))
    half = float(stats.t.isf((1 - level) / 2, len(values) - 1)) * _standard_error(values)
    return MeanInterval(mean, mean - half, mean + half)


def t_test(values: np.ndarray) -> float:
    """Two-sided p of Student's one-sample test that the mean is zero; NaN below two values."""
    if len(values) < 2:
        return math.nan
    error = _standard_error(values)
    if error == 0:
        return 1.0 if values[0] == 0 else 0.0
    return float(2 * stats.t.sf(abs(np.mean(values)) / error, len(values) - 1))


def _standard_error(values: np.ndarray) -> float:
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=1)) / math.sqrt(len(values))


def wilcoxon(values: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact where it can be; NaN below two values."""
    if len(values) < 2:
        return math.nan
    if not np.any(values):
        return 1.0
    return float(stats.wilcoxon(values).pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for their number (Holm 1979); NaN stays and does not count."""
    order = sorted((value, place) for place, value in enumerate(p) if not math.isnan(value))
    adjusted = [math.nan] * len(p)
    largest = 0.0
    for rank, (value, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * value))
        adjusted[place] = largest
    return adjusted


def sign_test(above: int, below: int) -> float:
    """Two-sided p that a value is as often above as below; NaN without any."""
    return float(stats.binomtest(above, above + below).pvalue) if above + below else math.nan


def units_wanted(size: float, significance: float) -> int | None:
    """How many values a two-sided t test needs to see a mean of `size` deviations, power 0.8.

    None where no number up to `MOST_UNITS` would do, or the size is not known.
    """
    if math.isnan(size):
        return None

    def enough(units: int) -> bool:
        return _power(units, size, significance) >= POWER

    high = 2
    while not enough(high):
        high *= 2
        if high > MOST_UNITS:
            return None
    return bisect_left(range(high), True, lo=high // 2, key=enough)


def _power(units: int, size: float, significance: float) -> float:
    """Power of the two-sided one-sample t test at a standardised mean.

    The square of t is noncentral F; scipy's noncentral t has no value far in its lower tail.
    """
    freedom = units - 1
    edge = stats.t.isf(significance / 2, freedom)
    return float(stats.ncf.sf(edge**2, 1, freedom, size**2 * units))
