"""A line through values of which some are only known to lie above or below a bound."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np
from scipy import optimize, stats

from emc.findings.censored import LEAST_DEVIATION

_PRECISE: Final = {"ftol": 1e-13, "gtol": 1e-9, "maxiter": 500}
_DOUBLINGS: Final = 20
"""An interval that is open this many doublings away has no end."""


class _Fit(NamedTuple):
    """Coefficients [columns] and minus log likelihood at the maximum."""

    coefficients: np.ndarray
    loss: float


@dataclass(frozen=True)
class CensoredLine:
    """Maximum likelihood for normal values in intervals [low, high] about a line, float64 [units].

    The regression of Tobin (1958) in the form of Olsen (1978), in which the likelihood is concave.
    Bounds and tests are those of `CensoredMean`: t^2 = (n - 2) (exp(D / n) - 1), where D is the
    deviance of a slope, with two degrees of freedom less than there are exact values. Without
    bounds that is least squares and its t test. Three exact values at two places are wanted.
    """

    x: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @cached_property
    def slope(self) -> float:
        """The most likely slope."""
        return float(self._best.coefficients[1])

    @cached_property
    def r_squared(self) -> float:
        """Share of the variance that the line explains (Cox and Snell 1989)."""
        return -math.expm1(-self._deviance(0.0) / len(self.x))

    def interval(self, level: float) -> tuple[float, float]:
        """The slopes that the test does not reject; infinite where none is far enough to."""
        critical = float(stats.t.isf((1 - level) / 2, int(self._exact.sum()) - 2))
        return self._edge(-1, critical), self._edge(1, critical)

    def _edge(self, side: int, critical: float) -> float:
        def excess(slope: float) -> float:
            return self._distance(slope) - critical

        near, step = self.slope, 0.01
        for _ in range(_DOUBLINGS):
            far = self.slope + side * step
            if excess(far) >= 0:
                return float(optimize.brentq(excess, near, far, xtol=1e-6))
            near, step = far, 2 * step
        return side * math.inf

    def _distance(self, slope: float) -> float:
        units = len(self.x)
        return math.sqrt((units - 2) * math.expm1(min(self._deviance(slope) / units, 700.0)))

    def _deviance(self, slope: float) -> float:
        turned = slope * self._places
        profile = _most_likely(self.low - turned, self.high - turned, self._design[:, :1])
        return max(0.0, 2 * (profile.loss - self._best.loss))

    @cached_property
    def _best(self) -> _Fit:
        return _most_likely(self.low, self.high, self._design)

    @property
    def _design(self) -> np.ndarray:
        return np.stack([np.ones_like(self.x), self._places], axis=1)

    @property
    def _places(self) -> np.ndarray:
        return np.asarray(self.x - self.x.mean())

    @property
    def _exact(self) -> np.ndarray:
        return np.asarray(self.low == self.high)


def _most_likely(low: np.ndarray, high: np.ndarray, design: np.ndarray) -> _Fit:
    """Coefficients of the columns of `design` [units, columns] and the deviation, from exact ones.

    Values are shifted and scaled by the fit to the exact ones, so that the search starts near one.
    """
    exact = low == high
    start, *_ = np.linalg.lstsq(design[exact], low[exact], rcond=None)
    about = design @ start
    scale = max(float(np.std(low[exact] - about[exact])), LEAST_DEVIATION)
    ends = (low - about) / scale, (high - about) / scale
    found = optimize.minimize(
        _loss,
        np.append(1.0, np.zeros(len(start))),
        args=(*ends, design),
        jac=True,
        method="L-BFGS-B",
        bounds=[(1e-6, scale / LEAST_DEVIATION), *[(None, None)] * len(start)],
        options=_PRECISE,
    )
    precision, scaled = found.x[0], found.x[1:]
    loss = float(found.fun) + exact.sum() * math.log(scale)
    return _Fit(start + scale * scaled / precision, loss)


def _loss(
    at: np.ndarray, low: np.ndarray, high: np.ndarray, design: np.ndarray
) -> tuple[float, np.ndarray]:
    """Minus log likelihood, and its gradient in the precision and the coefficients times it."""
    precision, scaled = at[0], at[1:]
    exact, below, above = low == high, np.isneginf(low), np.isposinf(high)
    value = np.where(below, high, low)
    z = precision * value - design @ scaled
    logs = np.select(
        [exact, above],
        [stats.norm.logpdf(z) + math.log(precision), stats.norm.logsf(z)],
        stats.norm.logcdf(z),
    )
    hazard = np.exp(stats.norm.logpdf(z) - np.where(exact, 0.0, logs))
    by_z = np.select([exact, above], [z, hazard], -hazard)
    gradient = np.append(by_z @ value - exact.sum() / precision, -by_z @ design)
    return -float(logs.sum()), gradient
