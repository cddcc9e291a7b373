"""What trials at one learning rate say of emc50: a posterior on an adaptive grid."""

from dataclasses import dataclass
from math import exp, log
from typing import Final

import numpy as np

from emc.search.curve import probability

SLOPES: Final = np.geomspace(0.012, 0.8, 12)
LAPSES: Final = np.array([0.002, 0.01, 0.05])
_CENTRES: Final = 161
_STEPS_A_DEVIATION: Final = 10.0
_REACH: Final = 7.0
_BEYOND: Final = log(4.0)
_CENTRAL: Final = np.array([0.025, 0.5, 0.975])

# A transition of 10 to 90 % over a factor 1.4, within a factor of five either way in the slope;
# small lapses. Measured transitions span factors from 1.2 to 2.
_SLOPE_PRIOR: Final = np.exp(-0.5 * (np.log(SLOPES / 0.08) / 0.8) ** 2)
_LAPSE_PRIOR: Final = np.array([0.5, 0.35, 0.15])


@dataclass(frozen=True, slots=True)
class Interval:
    """Median and central 95 % interval of emc50, and the posterior mean of the slope."""

    low: float
    median: float
    high: float
    slope: float

    def half_width(self) -> float:
        """Half width relative to the median."""
        return (self.high - self.low) / (2.0 * self.median)


class Posterior:
    """Posterior of (log emc50, slope, lapse) after some trials; emc50 uniform in the logarithm.

    The grid of log emc50 follows the mass: it is laid anew, and all trials weighed again, as soon
    as its step exceeds a tenth of the posterior deviation.
    """

    def __init__(self, smallest: int, largest: int) -> None:
        """Before any trial, for sizes from `smallest` to `largest`."""
        self._bounds = (log(smallest) - _BEYOND, log(largest) + _BEYOND)
        self._counts: dict[int, list[int]] = {}
        self._lay(*self._bounds)

    @property
    def trials(self) -> int:
        """Number of trials weighed."""
        return sum(fits + failures for fits, failures in self._counts.values())

    def add(self, n: int, fit: bool) -> None:
        """Weigh one more trial."""
        self._counts.setdefault(n, [0, 0])[0 if fit else 1] += 1
        self._weigh(n, int(fit), int(not fit))
        self._follow()

    def marginal(self) -> np.ndarray:
        """Weight of each `centres` point."""
        weights: np.ndarray = self._weights().sum(axis=(1, 2))
        return weights

    @property
    def centres(self) -> np.ndarray:
        """The grid of log emc50."""
        return self._centres

    def interval(self) -> Interval:
        """Median and interval by mid-point quantiles; slope averaged in the logarithm."""
        weights = self._weights()
        marginal = weights.sum(axis=(1, 2))
        low, median, high = (exp(q) for q in self._quantiles(marginal, _CENTRAL))
        slope = exp(float(weights.sum(axis=(0, 2)) @ np.log(SLOPES)))
        return Interval(low, median, high, slope)

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles of log emc50."""
        return self._quantiles(self.marginal(), levels)

    def beyond(self, log_n: float) -> float:
        """Pr[log emc50 > log n]."""
        return float(1.0 - np.interp(log_n, self._edges(), self._cumulated(self.marginal())))

    def predictive(self, log_n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pr[fit | n, log emc50] [centres, sizes], and the weight of each centre."""
        weights = self._weights()
        marginal = weights.sum(axis=(1, 2))
        curves = probability(
            log_n,
            self._centres[:, None, None, None],
            SLOPES[:, None, None],
            LAPSES[:, None],
        )
        joint = np.einsum("csl,cslk->ck", weights, curves)
        return joint / np.maximum(marginal, 1e-300)[:, None], marginal

    def _weights(self) -> np.ndarray:
        weights = np.exp(self._log_weights - self._log_weights.max())
        return np.asarray(weights / weights.sum())

    def _lay(self, low: float, high: float) -> None:
        self._centres = np.linspace(low, high, _CENTRES)
        prior = np.log(_SLOPE_PRIOR)[:, None] + np.log(_LAPSE_PRIOR)
        self._log_weights = np.broadcast_to(prior, (_CENTRES, *prior.shape)).copy()
        for n, (fits, failures) in self._counts.items():
            self._weigh(n, fits, failures)

    def _weigh(self, n: int, fits: int, failures: int) -> None:
        p = probability(np.log(n), self._centres[:, None, None], SLOPES[:, None], LAPSES[None, :])
        self._log_weights += fits * np.log(p) + failures * np.log1p(-p)

    def _follow(self) -> None:
        """Lay the grid anew where the mass has become narrow for it."""
        marginal = self.marginal()
        mean = float(marginal @ self._centres)
        deviation = float(np.sqrt(marginal @ (self._centres - mean) ** 2))
        step = self._centres[1] - self._centres[0]
        if step * _STEPS_A_DEVIATION > deviation:
            reach = max(_REACH * deviation, 0.02)
            low, high = self._bounds
            fresh = max(low, mean - reach), min(high, mean + reach)
            if fresh[1] - fresh[0] < 0.7 * (self._centres[-1] - self._centres[0]):
                self._lay(*fresh)

    def _edges(self) -> np.ndarray:
        half = (self._centres[1] - self._centres[0]) / 2
        return np.append(self._centres - half, self._centres[-1] + half)

    @staticmethod
    def _cumulated(marginal: np.ndarray) -> np.ndarray:
        return np.append(0.0, np.cumsum(marginal))

    def _quantiles(self, marginal: np.ndarray, levels: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(levels, self._cumulated(marginal), self._edges()))
