"""The mean of values of which some are only known to lie above or below a bound."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import optimize, stats

LEAST_DEVIATION: Final = 1e-3
"""No spread of log ratios of EMC counts as smaller: no EMC is measured that well."""

_LEAST: Final = math.log(LEAST_DEVIATION)
_PRECISE: Final = {"xatol": 1e-7, "fatol": 1e-10}
_FAR: Final = 20.0
"""Where an interval is open, in deviations from the mean."""


@dataclass(frozen=True)
class CensoredMean:
    """Maximum likelihood for normal values in intervals [low, high], float64 [units].

    An exact value has `low` equal to `high`, a lower bound infinite `high`, an upper bound
    infinite `low`. Tests and intervals are Student's with the likelihood ratio in the place of
    the sum of squares: t^2 = (n - 1) (exp(D / n) - 1), where D is the deviance of a mean. Without
    bounds that is the t test itself; with them it has one degree of freedom less than there are
    exact values, so that a bound adds to the estimate but not to the trust in its spread.
    """

    low: np.ndarray
    high: np.ndarray

    @cached_property
    def exact(self) -> np.ndarray:
        """The exact values."""
        return np.asarray(self.low[self.low == self.high])

    @cached_property
    def mean(self) -> float:
        """The most likely mean."""
        return float(self._best[0])

    @cached_property
    def deviation(self) -> float:
        """Standard deviation about it, corrected for the degree of freedom."""
        exact = len(self.exact)
        return math.exp(self._best[1]) * math.sqrt(exact / (exact - 1))

    def p(self, null: float) -> float:
        """Two-sided p of the hypothesis that the mean is `null`."""
        return float(2 * stats.t.sf(self._distance(null), self._freedom))

    def interval(self, level: float) -> tuple[float, float]:
        """The means that the test does not reject; infinite where none is far enough to."""
        critical = float(stats.t.isf((1 - level) / 2, self._freedom))
        return self._edge(-1, critical), self._edge(1, critical)

    def _edge(self, side: int, critical: float) -> float:
        def excess(mean: float) -> float:
            return self._distance(mean) - critical

        far = self.mean + side * _FAR * self.deviation
        if excess(far) < 0:
            return side * math.inf
        return float(optimize.brentq(excess, self.mean, far, xtol=1e-6))

    def _distance(self, mean: float) -> float:
        units = len(self.low)
        deviance = max(0.0, 2 * (self._profile(mean) - self._best[2]))
        return math.sqrt((units - 1) * math.expm1(min(deviance / units, 700.0)))

    @property
    def _freedom(self) -> int:
        return len(self.exact) - 1

    @cached_property
    def _best(self) -> tuple[float, float, float]:
        """Mean, log deviation and minus log likelihood at the maximum."""
        start = float(np.mean(self.exact)), self._start
        found = optimize.minimize(
            lambda at: self._loss(at[0], at[1]), start, method="Nelder-Mead", options=_PRECISE
        )
        return float(found.x[0]), max(float(found.x[1]), _LEAST), float(found.fun)

    def _profile(self, mean: float) -> float:
        """Minus log likelihood of a mean at its most likely deviation."""
        width = self._start + math.log1p(abs(mean - self.mean) / math.exp(self._start))
        found = optimize.minimize_scalar(
            lambda log_deviation: self._loss(mean, log_deviation),
            bounds=(_LEAST, max(width + 5, 1.0)),
            method="bounded",
            options={"xatol": 1e-6},
        )
        return float(found.fun)

    @cached_property
    def _start(self) -> float:
        return math.log(max(float(np.std(self.exact)), LEAST_DEVIATION))

    def _loss(self, mean: float, log_deviation: float) -> float:
        deviation = math.exp(max(log_deviation, _LEAST))
        low, high = (self.low - mean) / deviation, (self.high - mean) / deviation
        exact = low == high
        below, above = np.isneginf(low), np.isposinf(high)
        return -float(
            stats.norm.logpdf(low[exact]).sum()
            - exact.sum() * math.log(deviation)
            + stats.norm.logcdf(high[below]).sum()
            + stats.norm.logsf(low[above]).sum()
        )
