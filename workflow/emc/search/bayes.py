"""The adaptive search: probes where they tell most, at the learning rates that can still win."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil, log
from typing import Final

import numpy as np

from emc.search.estimate import answer, below, bounded, saturated, settled
from emc.search.limits import Limits
from emc.search.place import next_sizes
from emc.search.posterior import Posterior
from emc.search.trials import Answer, Request, Trial

FIRST: Final = 4
"""Trials that every learning rate gets before any is dropped."""

_HOPELESS: Final = 0.05
"""A rate that beats the best by the tolerance with less probability than this is dropped."""


class Bayes:
    """Searches until the best rate's interval is narrow enough and no other rate can win."""

    def __init__(self, limits: Limits, rates: tuple[float, ...], round_size: int):
        """`round_size` is how many probes run together."""
        self._limits, self._rates = limits, rates
        self._round_size = round_size
        self._seen: list[Trial] = []
        self._posteriors = self._fresh()

    def requests(self, trials: Sequence[Trial]) -> list[Request]:
        """The next round: the rate that is least settled first."""
        posteriors = self._after(trials)
        left = min(self._round_size, self._limits.probes - len(trials))
        wanting = self._wanting(posteriors)
        if left <= 0 or not wanting:
            return []
        each = ceil(left / len(wanting))
        return [
            Request(n, lr)
            for lr in wanting
            for n in next_sizes(posteriors[lr], each, self._limits.smallest, self._limits.largest)
        ][:left]

    def answer(self, trials: Sequence[Trial]) -> Answer:
        """What the trials so far say."""
        posteriors = self._after(trials)
        found = answer(trials, posteriors, self._limits, None, ended=())
        over = found.tolerance_reached and not self._wanting(posteriors)
        return replace(found, tolerance_reached=over)

    def _fresh(self) -> dict[float, Posterior]:
        return {lr: Posterior(self._limits) for lr in self._rates}

    def _after(self, trials: Sequence[Trial]) -> dict[float, Posterior]:
        """Posteriors after the trials; only those not seen at the last call are weighed."""
        seen = len(self._seen)
        if list(trials[:seen]) != self._seen:
            self._posteriors, seen = self._fresh(), 0
        for trial in trials[seen:]:
            self._posteriors[trial.lr].add(trial.n, trial.fit)
        self._seen = list(trials)
        return self._posteriors

    def _wanting(self, posteriors: dict[float, Posterior]) -> list[float]:
        """Rates that need more probes, the least settled first."""
        new = [lr for lr in self._rates if posteriors[lr].trials < FIRST]
        if new:
            return sorted(new, key=lambda lr: posteriors[lr].trials)
        if any(saturated(one, self._limits) for one in posteriors.values()):
            return []
        best = max(self._rates, key=lambda lr: posteriors[lr].interval().median)
        open_rates = [
            lr
            for lr in self._rates
            if not self._settled(posteriors[lr])
            and (lr == best or self._may_win(posteriors[lr], posteriors[best]))
        ]
        return sorted(open_rates, key=lambda lr: -posteriors[lr].interval().half_width())

    def _may_win(self, posterior: Posterior, best: Posterior) -> bool:
        """Whether a rate may beat the best by more than the tolerance."""
        return _beats(posterior, best, 1 + self._limits.tolerance) > _HOPELESS

    def _settled(self, posterior: Posterior) -> bool:
        found = bounded(posterior, self._limits)
        return settled(found, self._limits) or below(posterior, self._limits)


def _beats(one: Posterior, other: Posterior, factor: float) -> float:
    """Pr[emc50 of `one` > `factor` times that of `other`], the two being independent."""
    levels = (np.arange(64) + 0.5) / 64
    return float(np.mean(one.quantiles(levels)[:, None] > other.quantiles(levels) + log(factor)))
