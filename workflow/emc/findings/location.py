"""The mean of log ratios, exact or with bounds among them: one way to ask for both."""

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from emc.findings.censored import CensoredMean
from emc.findings.inference import LEVEL, mean_interval, t_test
from emc.findings.pairs import Pairs

FEWEST_EXACT: Final = 3
"""With bounds among the units, fewer exact ones do not tell their spread."""


class Location(Protocol):
    """A mean, its standard deviation per unit, and its tests."""

    @property
    def mean(self) -> float:
        """The estimate."""

    @property
    def deviation(self) -> float:
        """Standard deviation of a unit; NaN for one unit, 0 for equal ones."""

    def p(self, null: float) -> float:
        """Two-sided p that the mean is `null`; NaN for one unit."""

    def interval(self, level: float) -> tuple[float, float]:
        """The interval of the mean; NaN for one unit."""


@dataclass(frozen=True, slots=True)
class ExactMean:
    """Student's mean of values that are all exact, float64 [units]."""

    values: np.ndarray

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Their standard deviation."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else math.nan

    def p(self, null: float) -> float:
        """Two-sided p of the one-sample t test."""
        return t_test(self.values - null)

    def interval(self, level: float) -> tuple[float, float]:
        """Its interval."""
        found = mean_interval(self.values, level)
        return found.low, found.high


def location(found: Pairs) -> Location | None:
    """The mean of the units; None where there are none, or bounds leave it open."""
    if not len(found.low):
        return None
    if not found.bounds:
        return ExactMean(found.exact)
    return CensoredMean(found.low, found.high) if len(found.exact) >= FEWEST_EXACT else None


def ratio_interval(found: Pairs) -> tuple[float, float, float] | None:
    """The ratio whose logarithm is the mean, with its 95 % interval; None as for `location`.

    Of two readings of open runs the ratio is the geometric mean, and the interval spans both.
    """
    places = [place for place in map(location, found.readings) if place is not None]
    if len(places) < len(found.readings):
        return None
    lows, highs = zip(*(place.interval(LEVEL) for place in places), strict=True)
    mean = sum(place.mean for place in places) / len(places)
    return math.exp(mean), _exp(min(lows)), _exp(max(highs))


def _exp(value: float) -> float:
    return math.exp(value) if value < math.inf else value
