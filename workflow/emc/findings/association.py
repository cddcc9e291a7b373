"""How well one number of a configuration predicts another, beyond what its size already says."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy import stats

from emc.findings.inference import LEVEL
from emc.seeds import generator

RESAMPLES: Final = 999


@dataclass(frozen=True)
class Association:
    """Configurations with a predictor `x`, an outcome `y`, log `size` and a `stratum`, [units].

    `pairs` counts pairs of cells behind them, `unknown` those left out for a bound.
    """

    x: np.ndarray
    y: np.ndarray
    size: np.ndarray
    stratum: np.ndarray
    pairs: int
    unknown: int

    @cached_property
    def pearson(self) -> float:
        """Pearson's correlation; NaN without spread."""
        return _correlation(self.x, self.y)

    @cached_property
    def kendall(self) -> float:
        """Kendall's rank correlation tau-b; NaN without spread."""
        if len(self.x) < 2 or np.ptp(self.x) == 0 or np.ptp(self.y) == 0:
            return math.nan
        return float(stats.kendalltau(self.x, self.y).statistic)

    @cached_property
    def partial(self) -> float:
        """Pearson's correlation of what strata and log size leave unexplained."""
        held = self._held
        left = [value - held @ np.linalg.lstsq(held, value)[0] for value in (self.x, self.y)]
        return _correlation(*left)

    @property
    def freedom(self) -> int:
        """Degrees of freedom that the partial correlation leaves."""
        return len(self.x) - 1 - int(np.linalg.matrix_rank(self._held)) if len(self.x) else 0

    @property
    def p(self) -> float:
        """Two-sided p of the t test that the partial correlation is zero."""
        r = self.partial
        if math.isnan(r) or abs(r) >= 1:
            return math.nan
        t = abs(r) * math.sqrt(self.freedom / (1 - r * r))
        return float(2 * stats.t.sf(t, self.freedom))

    def interval(self, statistic: Callable[["Association"], float]) -> tuple[float, float]:
        """The 95 % bootstrap interval of a statistic: percentiles over resampled units."""
        units = len(self.x)
        draw = generator("bootstrap", units)
        samples = (self.rows(draw.integers(units, size=units)) for _ in range(RESAMPLES))
        values = np.array([statistic(sample) for sample in samples])
        if np.isnan(values).mean() > 0.5:
            return math.nan, math.nan
        low, high = np.nanquantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        return float(low), float(high)

    def rows(self, chosen: np.ndarray) -> "Association":
        """Some units: a mask, or places."""
        columns = (self.x[chosen], self.y[chosen], self.size[chosen], self.stratum[chosen])
        return Association(*columns, pairs=self.pairs, unknown=self.unknown)

    @property
    def _held(self) -> np.ndarray:
        """What is held fixed: an intercept per stratum, and one slope on log size."""
        strata = np.unique(self.stratum)
        return np.column_stack([self.stratum[:, None] == strata, self.size])


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    spread = np.std(x) * np.std(y)
    if len(x) < 2 or not spread > 1e-12:
        return math.nan
    return float(np.mean((x - x.mean()) * (y - y.mean())) / spread)
