"""Which learning rate a cell is measured at, chosen by trials that the estimate leaves out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Final, Literal

import numpy as np

from emc.search.estimate import saturated
from emc.search.limits import Limits
from emc.search.posterior import Posterior
from emc.search.readings import Readings
from emc.search.trials import Aim, Trial

FIRST: Final = 4
"""Trials that every learning rate gets before any is dropped."""

_HOPELESS: Final = 0.05
"""A rate that beats the best by the tolerance with less probability than this is dropped."""

_SHARE: Final = 0.4
"""Largest share of the probes that the choice may take."""

_COARSE: Final = 2.0
"""How many times wider than the estimate's an interval may be that ranks rates."""

_RATIO: Final = 3.0
"""A rate over the one below it, where one rate alone is given."""


Edge = Literal["lowest", "highest"]


@dataclass(frozen=True, slots=True)
class Grid:
    """Learning rates to try, ascending, and how many times a rate beyond may be added."""

    rates: tuple[float, ...]
    widen: int = 0


class Choice:
    """Chooses among learning rates, trial after trial, until one is `chosen`."""

    def __init__(self, limits: Limits, aim: Aim, grid: Grid) -> None:
        """Before any trial; a grid that has one rate and stays so needs no choice."""
        self._limits, self._aim = limits, aim
        self._widen = grid.widen
        self.readings = {lr: Readings(limits, aim) for lr in grid.rates}
        self.chosen: float | None = None
        if len(grid.rates) == 1 and not grid.widen:
            self.chosen = grid.rates[0]

    def add(self, trial: Trial) -> None:
        """Weigh one more trial; where it settles the choice, add a rate beyond or choose."""
        self.readings[trial.lr].add(trial)
        if self.chosen is None and not self.wanting():
            self._widen_or_choose()

    def wanting(self) -> list[float]:
        """Rates that need more probes before one is chosen, the least tried or settled first."""
        tried = {lr: len(one.trials) for lr, one in self.readings.items()}
        if new := [lr for lr, count in tried.items() if count < FIRST]:
            return sorted(new, key=lambda lr: tried[lr])
        if sum(tried.values()) >= self._most:
            return []
        best = self.best
        if saturated(self._posterior(best), self._limits):
            return []
        unsettled = [
            lr for lr in self.readings if not self._ranked(lr) and (lr == best or self._may_win(lr))
        ]
        if not any(self._may_win(lr) for lr in self.readings if lr != best):
            return []
        return sorted(unsettled, key=lambda lr: -self._posterior(lr).transition().half_width())

    @property
    def best(self) -> float:
        """The rate with the largest emc50 so far."""
        return best_rate(self.readings, self._limits)

    @property
    def at_edge(self) -> Edge | None:
        """At which end of the grid the chosen rate lies, or the best one so far."""
        return edge(self.readings, self.best if self.chosen is None else self.chosen)

    @property
    def _most(self) -> float:
        return max(FIRST * len(self.readings), _SHARE * self._limits.probes)

    def _widen_or_choose(self) -> None:
        beyond = _beyond(sorted(self.readings), self.best) if self._widen else []
        if not beyond:
            self.chosen = self.best
            return
        self._widen -= 1
        self.readings |= {lr: Readings(self._limits, self._aim) for lr in beyond}

    def _posterior(self, lr: float) -> Posterior:
        return self.readings[lr].lower.posterior

    def _ranked(self, lr: float) -> bool:
        """Whether the interval at a rate is narrow enough to rank it."""
        wanted = _COARSE * self._limits.tolerance
        return self._posterior(lr).transition().half_width() <= wanted

    def _may_win(self, lr: float) -> bool:
        """Whether a rate may beat the best by more than the tolerance."""
        one, best = self._posterior(lr), self._posterior(self.best)
        return _beats(one, best, 1.0 + self._limits.tolerance) > _HOPELESS


def best_rate(
    readings: Mapping[float, Readings], limits: Limits, ended: Iterable[float] = ()
) -> float:
    """The rate with the largest emc50, one that meets the end of the data before all others.

    It is one of those whose search has `ended`; without any, one of those that were tried: the
    median of one that was not is the prior's.
    """
    tried = [lr for lr, one in readings.items() if one.trials]

    def rank(lr: float) -> tuple[bool, float]:
        posterior = readings[lr].lower.posterior
        return saturated(posterior, limits), posterior.transition().median

    return max(list(ended) or tried or readings, key=rank)


def edge(rates: Iterable[float], lr: float) -> Edge | None:
    """At which end of several rates one lies."""
    ordered = sorted(rates)
    if len(ordered) == 1 or lr not in {ordered[0], ordered[-1]}:
        return None
    return "lowest" if lr == ordered[0] else "highest"


def _beyond(rates: list[float], best: float) -> list[float]:
    """Rates beyond the edges of an ascending grid at which the best one lies."""
    low, high = rates[0], rates[-1]
    first = rates[1] / low if len(rates) > 1 else _RATIO
    last = high / rates[-2] if len(rates) > 1 else _RATIO
    added = [low / first] if best == low else []
    return added + ([high * last] if best == high else [])


def _beats(one: Posterior, other: Posterior, factor: float) -> float:
    """Pr[emc50 of `one` > `factor` times that of `other`], the two being independent."""
    levels = (np.arange(64) + 0.5) / 64
    return float(np.mean(one.quantiles(levels)[:, None] > other.quantiles(levels) + log(factor)))
