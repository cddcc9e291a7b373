"""What trials at one learning rate say of emc50: a posterior on an adaptive grid."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np

from emc.search.curve import probability
from emc.search.limits import Limits
from emc.search.prior import LAPSE_PRIOR, LAPSES, SLOPES, log_prior

_BLOCK: Final = 3
_CENTRES: Final = 54 * _BLOCK
_TAIL: Final = 1e-4
_STEPS_A_DEVIATION: Final = 5.0
_REACH: Final = 4.0
CENTRAL: Final = np.array([0.025, 0.5, 0.975])
"""Levels of the ends and the median of an interval."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Median and central 95 % interval of emc50, and the slope of the transition.

    The slope is the posterior mean in the logarithm, `slope_deviation` the posterior standard
    deviation of its natural logarithm.
    """

    low: float
    median: float
    high: float
    slope: float
    slope_deviation: float

    def half_width(self) -> float:
        """Half width relative to the median."""
        return (self.high - self.low) / (2.0 * self.median)


class Posterior:
    """Posterior of (log emc50, slope, lapse) after some trials.

    Two grids of log emc50 are kept: a coarse one over the whole range, and a fine one over the
    mass. The fine one is laid anew from the coarse one, and all trials weighed again, when its
    step exceeds a fifth of the posterior deviation or mass reaches its ends.
    """

    def __init__(self, limits: Limits, trials: Iterable[tuple[int, bool]] = ()) -> None:
        """After `trials`, pairs of n and whether it fitted."""
        self._counts: dict[int, list[int]] = {}
        for n, fit in trials:
            self._count(n, fit)
        self._limits = limits
        self._coarse = _Grid(*limits.range, limits, self._counts)
        self._fine = self._coarse
        self._follow()

    @property
    def trials(self) -> int:
        """Number of trials weighed."""
        return sum(fits + failures for fits, failures in self._counts.values())

    def add(self, n: int, fit: bool) -> None:
        """Weigh one more trial."""
        self._count(n, fit)
        for grid in {id(one): one for one in (self._coarse, self._fine)}.values():
            grid.weigh(n, int(fit), int(not fit))
        self._follow()

    def interval(self) -> Interval:
        """Median and interval by mid-point quantiles; slope averaged in the logarithm."""
        low, median, high = np.exp(self.quantiles(CENTRAL))
        slopes, logs = self._fine.weights.sum(axis=(0, 2)), np.log(SLOPES)
        mean = float(slopes @ logs)
        deviation = float(np.sqrt(slopes @ (logs - mean) ** 2))
        return Interval(float(low), float(median), float(high), exp(mean), deviation)

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles of log emc50."""
        return np.asarray(np.interp(levels, self._fine.cumulated, self._fine.edges))

    def beyond(self, log_n: float) -> float:
        """Pr[log emc50 > log n]."""
        return float(1.0 - np.interp(log_n, self._fine.edges, self._fine.cumulated))

    def predictive(self, log_n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pr[fit | n, log emc50] [sizes, blocks] and the weight of each block of the fine grid.

        Neighbouring centres are taken together and the lapse at its most likely value: this only
        decides where to look next.
        """
        blocks = self._fine.weights.sum(axis=0).reshape(len(SLOPES), -1, _BLOCK)
        weights = blocks.sum(axis=2)
        centres = self._fine.centres.reshape(-1, _BLOCK).mean(axis=1)
        lapse = LAPSES[np.argmax(LAPSE_PRIOR)]
        curves = probability(log_n[:, None, None], centres, SLOPES[:, None], lapse)
        marginal = weights.sum(axis=0)
        joint = np.einsum("sc,ksc->kc", weights, curves)
        return joint / np.maximum(marginal, 1e-300), marginal

    def _count(self, n: int, fit: bool) -> None:
        self._counts.setdefault(n, [0, 0])[0 if fit else 1] += 1

    def _follow(self) -> None:
        """Lay the fine grid anew where it no longer suits the mass."""
        if self._fine.suits(self._coarse):
            return
        self._fine = self._coarse
        while (ends := self._fine.closer()) is not None:
            self._fine = _Grid(*ends, self._limits, self._counts)


class _Grid:
    """Log weights over lapses, slopes and evenly spaced centres, in this order."""

    def __init__(
        self, low: float, high: float, limits: Limits, counts: dict[int, list[int]]
    ) -> None:
        self.centres = np.linspace(low, high, _CENTRES)
        self.step = float(self.centres[1] - self.centres[0])
        self.edges = np.append(self.centres - self.step / 2, self.centres[-1] + self.step / 2)
        self._log_weights = log_prior(limits, self.centres)
        for n, (fits, failures) in counts.items():
            self._take(n, fits, failures)
        self._normalise()

    def weigh(self, n: int, fits: int, failures: int) -> None:
        """Multiply by the likelihood of outcomes at one size."""
        self._take(n, fits, failures)
        self._normalise()

    def suits(self, whole: "_Grid") -> bool:
        """Fine enough for the mass, which does not reach the ends unless they are the range's."""
        below = self.marginal[0] < _TAIL or self.centres[0] <= whole.centres[0]
        above = self.marginal[-1] < _TAIL or self.centres[-1] >= whole.centres[-1]
        return self.closer() is None and below and above

    def closer(self) -> tuple[float, float] | None:
        """Ends of a markedly narrower grid around the mass, or None where this one is fine."""
        if self.step * _STEPS_A_DEVIATION <= self.deviation:
            return None
        tails = np.interp([_TAIL, 1 - _TAIL], self.cumulated, self.edges)
        reach, margin = _REACH * self.deviation, max(self.deviation, 2 * self.step)
        low = max(self.centres[0], min(tails[0], self.mean - reach) - margin)
        high = min(self.centres[-1], max(tails[1], self.mean + reach) + margin)
        return (low, high) if high - low < 0.7 * (self.centres[-1] - self.centres[0]) else None

    def _take(self, n: int, fits: int, failures: int) -> None:
        p = probability(np.log(n), self.centres, SLOPES[:, None], LAPSES[:, None, None])
        if fits:
            self._log_weights += fits * np.log(p)
        if failures:
            self._log_weights += failures * np.log1p(-p)

    def _normalise(self) -> None:
        weights = np.exp(self._log_weights - self._log_weights.max())
        self.weights = weights / weights.sum()
        self.marginal = self.weights.sum(axis=(0, 1))
        self.cumulated = np.append(0.0, np.cumsum(self.marginal))
        self.mean = float(self.marginal @ self.centres)
        self.deviation = float(np.sqrt(self.marginal @ (self.centres - self.mean) ** 2))
