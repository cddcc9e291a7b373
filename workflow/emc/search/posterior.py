"""What trials at one learning rate say of emc50: a posterior on an adaptive grid.

With Pr[fit | n] of `emc.search.curve` and the prior of `emc.search.prior`, after trials of n_i
samples of which y_i = 1 fitted and y_i = 0 did not,

    p(log emc50, slope, shape | trials)  is proportional to
    prior(log emc50, slope, shape)  *  product over i of  p_i^y_i (1 - p_i)^(1 - y_i),

    p_i = Pr[fit | n_i; log emc50, slope, shape].

Its marginal over slope and shape gives the median of emc50. The 95 % interval holds the central
95 % of that marginal, and of the same over the shapes of each family that is not unlikely.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import exp
from typing import Final

import numpy as np

from emc.search.limits import Limits
from emc.search.prior import FAMILIES, FIRST_SHAPES, SLOPES, SMOOTH, curves, log_prior

_BLOCK: Final = 3
_CENTRES: Final = 54 * _BLOCK
_INSIDE: Final = 122
"""Number of centres in the core; the others lie over the whole grid."""

_OUTSIDE: Final = 0.005
_LEVELS: Final = np.array([_OUTSIDE / 5, 0.16, 0.84, 1.0 - _OUTSIDE / 5])
"""Of the core's ends, and of one standard deviation about the middle."""

_TAIL: Final = 1e-4
_STEPS_PER_DEVIATION: Final = 5.0
_NARROWER: Final = 0.7

_SCANT: Final = 1e-4
"""Weight of a slope or of neighbouring centres that says nothing of where to look."""

UNLIKELY: Final = 0.1
"""A family of curves that has less probability does not widen the interval."""

Span = tuple[float, float]
CENTRAL: Final = np.array([0.025, 0.5, 0.975])
"""Levels of the ends and the median of an interval."""


@dataclass(frozen=True, slots=True)
class Transition:
    """Median and 95 % interval of emc50, and the slope of the transition.

    The slope is the posterior mean in the logarithm.
    """

    low: float
    median: float
    high: float
    slope: float

    def half_width(self) -> float:
        """Half width relative to the median."""
        return (self.high - self.low) / (2.0 * self.median)


class Posterior:
    """Posterior of (log emc50, slope, shape) after some trials.

    The grid of log emc50 lies over the mass. It is laid anew, and all trials weighed again, when
    its step exceeds a fifth of the posterior deviation; where mass reaches its ends, by way of a
    coarse one over the whole range.
    """

    def __init__(self, limits: Limits, trials: Iterable[tuple[int, bool]] = ()) -> None:
        """After `trials`, pairs of n and whether it fitted."""
        self._counts: dict[int, list[int]] = {}
        for n, fit in trials:
            self._count(n, fit)
        self._limits = limits
        self._transition: Transition | None = None
        self._fine = self._coarse()
        self._follow()

    @property
    def trials(self) -> int:
        """Number of trials weighed."""
        return sum(fits + unfitted for fits, unfitted in self._counts.values())

    @property
    def unfitted(self) -> int:
        """Number of trials that did not fit."""
        return sum(unfitted for _, unfitted in self._counts.values())

    @property
    def smooth(self) -> float:
        """Pr[one symmetric transition of nearly all runs]."""
        return float(self._fine.weights[:SMOOTH].sum())

    def add(self, n: int, fit: bool) -> float:
        """Weigh one more trial; the probability that it had of a fit beforehand."""
        self._count(n, fit)
        self._transition = None
        expected = self._fine.weigh(n, fit)
        self._follow()
        return expected

    def transition(self) -> Transition:
        """Median and interval by mid-point quantiles; slope averaged in the logarithm.

        The interval holds the central 95 % of the mass of emc50 over all curves, and over those of
        each family that is not unlikely: which of them is true is not known, and over all of them
        the interval may hold too little of what the less likely ones say (robust Bayes; Berger
        1994).
        """
        if self._transition is None:
            self._transition = self._found()
        return self._transition

    def _found(self) -> Transition:
        median = exp(self.quantiles(CENTRAL[1:2])[0])
        low, high = self._fine.interval
        slopes, logs = self._fine.weights.sum(axis=(0, 2)), np.log(SLOPES)
        return Transition(exp(low), median, exp(high), exp(float(slopes @ logs)))

    def quantiles(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles of log emc50."""
        return np.asarray(np.interp(levels, self._fine.cumulated, self._fine.edges))

    def beyond(self, log_n: float) -> float:
        """Pr[log emc50 > log n]."""
        return float(1.0 - np.interp(log_n, self._fine.edges, self._fine.cumulated))

    def telling(self, log_n: np.ndarray) -> np.ndarray:
        """Mutual information of a probe's outcome and emc50 with its family [sizes], in nats.

        Of the family too, since the interval holds in each that may be true: it stays wide until
        they are told apart, although each alone may say little of emc50 then. Neighbouring centres
        are taken together, and what has hardly any weight is left out: this only decides where to
        look next.
        """
        blocks = self._fine.weights.reshape(*self._fine.weights.shape[:2], -1, _BLOCK).sum(axis=3)
        centres = self._fine.centres.reshape(-1, _BLOCK).mean(axis=1)
        slope, centre = blocks.sum(axis=(0, 2)) > _SCANT, blocks.sum(axis=(0, 1)) > _SCANT
        weights = blocks[:, slope][:, :, centre].astype(np.float32)
        weights /= weights.sum()
        given = curves(log_n[:, None, None, None], centres[centre], SLOPES[slope])
        fitted = np.einsum("hsc,khsc->khc", weights, given)
        of_family = np.add.reduceat(fitted, FIRST_SHAPES, axis=1)
        mass = np.add.reduceat(weights.sum(axis=1), FIRST_SHAPES, axis=0)
        known = _entropy(of_family / np.maximum(mass, 1e-30)) * mass
        return np.asarray(_entropy(of_family.sum(axis=(1, 2))) - known.sum(axis=(1, 2)))

    def _coarse(self) -> "_Grid":
        """The grid over the whole range."""
        return _Grid(self._limits.range, self._limits.range, self._limits, self._counts)

    def _count(self, n: int, fit: bool) -> None:
        self._counts.setdefault(n, [0, 0])[0 if fit else 1] += 1

    def _follow(self) -> None:
        """Lay the fine grid anew where it no longer suits the mass."""
        if not self._fine.holds(self._limits):
            self._fine = self._coarse()
        while (ends := self._fine.closer()) is not None:
            self._fine = _Grid(*ends, self._limits, self._counts)


class _Grid:
    """Log weights over shapes, slopes and centres, in this order.

    Most centres lie evenly over the core, the others evenly over the whole grid: curves on which
    many runs never fit keep tails over which a grid of one step would miss sharp transitions.
    """

    def __init__(self, core: Span, ends: Span, limits: Limits, counts: dict[int, list[int]]):
        self._core = core
        inside = np.linspace(*core, _INSIDE)
        self.centres = np.sort(np.append(inside, np.linspace(*ends, _CENTRES - _INSIDE)))
        middles = (self.centres[1:] + self.centres[:-1]) / 2
        self.edges = np.concatenate([self.centres[:1], middles, self.centres[-1:]])
        self._log_weights = log_prior(limits, self.centres) + _log(np.diff(self.edges))
        for n, (fits, unfitted) in counts.items():
            self._take(n, fits, unfitted)
        self._normalise()

    def weigh(self, n: int, fit: bool) -> float:
        """Multiply by the likelihood of a trial; the probability of a fit beforehand."""
        p = self._curves(n)
        expected = float(np.vdot(self.weights, p))
        self._log_weights += np.log(p if fit else 1.0 - p)
        self._normalise()
        return expected

    @property
    def interval(self) -> Span:
        """Ends of log emc50 that hold over all curves, and over each family that may be true."""
        shapes = self.weights.sum(axis=1)
        families = [shapes[family].sum(axis=0) for family in FAMILIES]
        likely = [mass for mass in families if mass.sum() > UNLIKELY]
        cumulated = _cumulated(np.array([self.marginal, *likely]))
        ends = [np.interp(CENTRAL[[0, 2]], one / one[-1], self.edges) for one in cumulated]
        return float(min(low for low, _ in ends)), float(max(high for _, high in ends))

    def holds(self, limits: Limits) -> bool:
        """Whether the mass reaches neither end of the core nor of the grid, unless the range's."""
        low, high = limits.range
        below, above = np.interp(self._core, self.edges, self.cumulated)
        inside = (self._core[0] <= low or below < _OUTSIDE) and (
            self._core[1] >= high or above > 1 - _OUTSIDE
        )
        first = self.centres[0] <= low or self.marginal[0] < _TAIL
        last = self.centres[-1] >= high or self.marginal[-1] < _TAIL
        return bool(inside and first and last)

    def closer(self) -> tuple[Span, Span] | None:
        """A markedly narrower core around the mass and its ends, or None where this one is fine."""
        low, first, last, high = np.interp(_LEVELS, self.cumulated, self.edges)
        deviation = (last - first) / 2
        step = (self._core[1] - self._core[0]) / (_INSIDE - 1)
        if step * _STEPS_PER_DEVIATION <= deviation:
            return None
        margin = max(deviation, 2 * step)
        core = max(self._core[0], low - margin), min(self._core[1], high + margin)
        if core[1] - core[0] >= _NARROWER * (self._core[1] - self._core[0]):
            return None
        tails = np.interp([_TAIL, 1 - _TAIL], self.cumulated, self.edges)
        ends = max(self.centres[0], tails[0] - margin), min(self.centres[-1], tails[1] + margin)
        return core, (min(core[0], ends[0]), max(core[1], ends[1]))

    def _take(self, n: int, fits: int, unfitted: int) -> None:
        p = self._curves(n)
        if fits:
            self._log_weights += fits * np.log(p)
        if unfitted:
            self._log_weights += unfitted * np.log1p(-p)

    def _curves(self, n: int) -> np.ndarray:
        """Pr[fit | n] of each curve of the grid."""
        return curves(np.log(n).reshape(1, 1, 1), self.centres, SLOPES)

    def _normalise(self) -> None:
        weights = self._log_weights - self._log_weights.max()
        np.exp(weights, out=weights)
        weights /= weights.sum()
        self.weights = weights
        self.marginal = self.weights.sum(axis=(0, 1))
        self.cumulated = _cumulated(self.marginal)


def _cumulated(mass: np.ndarray) -> np.ndarray:
    """Mass up to each edge [..., edges], from 0 at the first."""
    found = np.zeros((*mass.shape[:-1], mass.shape[-1] + 1))
    np.cumsum(mass, axis=-1, out=found[..., 1:])
    return found


def _log(widths: np.ndarray) -> np.ndarray:
    """Log of widths of which those of equal centres may be zero."""
    return np.asarray(np.log(np.maximum(widths, 1e-300)))


def _entropy(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-12, 1 - 1e-12)
    return np.asarray(-p * np.log(p) - (1 - p) * np.log1p(-p))
