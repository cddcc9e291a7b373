"""Searches of one probe after another, as the literature has them: for comparison."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

from emc.search.estimate import answer
from emc.search.limits import Limits
from emc.search.rates import best_rate, edge
from emc.search.readings import Readings
from emc.search.trials import Aim, Answer, Request, Trial

WALK_STEP: Final = 1.025
LADDER_STEP: Final = 1.64


class Stepwise(ABC):
    """One run per size, at each learning rate in turn; `emc_walk` is the largest size fitted.

    An open trial is not a fit.
    """

    def __init__(self, limits: Limits, rates: tuple[float, ...], aim: Aim) -> None:
        """One search from the smallest size at each of `rates`."""
        self._limits, self._rates, self._aim = limits, rates, aim

    def requests(self, trials: Sequence[Trial]) -> list[Request]:
        """The next size of the first learning rate that has not ended."""
        if len(trials) >= self._limits.probes:
            return []
        for lr in self._rates:
            n = self._next([trial for trial in trials if trial.lr == lr])
            if n is not None:
                return [Request(n, lr)]
        return []

    def answer(self, trials: Sequence[Trial]) -> Answer:
        """The largest size that fitted before the first that did not, and what the trials imply."""
        by_rate = {lr: [trial for trial in trials if trial.lr == lr] for lr in self._rates}
        readings = {lr: Readings(self._limits, self._aim, own) for lr, own in by_rate.items()}
        reached = [self._reached(own) for own in by_rate.values()]
        ended = [lr for lr, own in by_rate.items() if self._next(own) is None]
        best = best_rate(readings, self._limits, ended)
        return answer(
            readings,
            best,
            limits=self._limits,
            aim=self._aim,
            emc_walk=max((n for n in reached if n is not None), default=None),
            rate_at_edge=edge(self._rates, best),
        )

    @abstractmethod
    def _next(self, trials: Sequence[Trial]) -> int | None:
        """The next size after the trials at one rate, or None at the end."""

    def _reached(self, trials: Sequence[Trial]) -> int | None:
        return max((trial.n for trial in trials if trial.fits(self._aim)), default=None)


class Climb(Stepwise):
    """Grow n by a constant ratio while it fits: the study's walk, or the ladder of its code."""

    def __init__(self, limits: Limits, rates: tuple[float, ...], aim: Aim, *, step: float) -> None:
        """`step` is the ratio of a size to the one before, which grows by one at least."""
        super().__init__(limits, rates, aim)
        self._step = step

    def _next(self, trials: Sequence[Trial]) -> int | None:
        if not trials:
            return self._limits.smallest
        last = trials[-1]
        if not last.fits(self._aim) or last.n == self._limits.largest:
            return None
        return min(max(last.n + 1, round(last.n * self._step)), self._limits.largest)


class Bisection(Stepwise):
    """Double n until it fails, then halve the bracket in the logarithm down to the tolerance."""

    def _next(self, trials: Sequence[Trial]) -> int | None:
        fitted = self._reached(trials)
        failed = min((trial.n for trial in trials if not trial.fits(self._aim)), default=None)
        if fitted is None:
            return self._limits.smallest if failed is None else None
        if failed is None:
            at_end = fitted == self._limits.largest
            return None if at_end else min(2 * fitted, self._limits.largest)
        middle = round((fitted * failed) ** 0.5)
        closed = failed / fitted <= 1 + self._limits.tolerance or middle in {fitted, failed}
        return None if closed else middle
