"""The adaptive search: choose a learning rate, then probe where it tells most, then check."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from math import ceil
from typing import Final

from emc.search.checks import anchor_sizes, check_sizes
from emc.search.estimate import answer, settled, unseen_sizes
from emc.search.limits import Limits
from emc.search.place import next_sizes
from emc.search.rates import Choice, Grid
from emc.search.readings import Readings
from emc.search.trials import Aim, Answer, Request, Trial

MOST_AT_ONCE: Final = 64
"""Probes of a round from which more would cost more than they tell, however many a card holds."""
_FIRST: Final = 16
"""Probes of a first round, at most: more of them would lie far from emc50."""


def round_of(probes: int, at_once: int) -> int:
    """Probes of the round after so many, of which `at_once` can run together.

    Rounds that are wide double what is known: where one begins, all of its sizes are fixed.
    """
    return min(at_once, max(_FIRST, probes))


def rounds_of(probes: float, at_once: int = MOST_AT_ONCE) -> int:
    """Rounds that so many probes take."""
    rounds = done = 0
    while done < probes:
        done += round_of(done, at_once)
        rounds += 1
    return rounds


class Bayes:
    """Searches until the chosen rate's interval is narrow, and probes away from it agree."""

    def __init__(self, limits: Limits, grid: Grid, round_size: int, aim: Aim):
        """`round_size` is how many probes run together, at most."""
        self._limits, self._grid, self._aim = limits, grid, aim
        self._round_size = round_size
        self._start()

    def requests(self, trials: Sequence[Trial]) -> list[Request]:
        """The next round: to choose a rate, to narrow the interval, to check it."""
        self._follow(trials)
        size = round_of(len(trials), self._round_size)
        left = min(size, self._limits.probes - len(trials))
        if left <= 0:
            return []
        if self._choice.chosen is None:
            return self._to_choose(left)
        return self._to_measure(self._choice.chosen, left)

    def answer(self, trials: Sequence[Trial]) -> Answer:
        """What the trials so far say: of the chosen rate, those made after the choice."""
        self._follow(trials)
        best = self._choice.best if self._choice.chosen is None else self._choice.chosen
        readings = dict(sorted(self._choice.readings.items()))
        if self._measured.trials:
            readings[best] = self._measured
        found = answer(
            readings,
            best,
            limits=self._limits,
            aim=self._aim,
            rate_at_edge=self._choice.at_edge,
        )
        over = self._choice.chosen is not None and self._over
        return replace(found, tolerance_reached=found.tolerance_reached and over)

    def _start(self) -> None:
        self._seen: list[Trial] = []
        self._choice = Choice(self._limits, self._aim, self._grid)
        self._measured = self._choice.readings[self._grid.rates[0]]
        if self._choice.chosen is None:
            self._measured = Readings(self._limits, self._aim)

    def _follow(self, trials: Sequence[Trial]) -> None:
        """Weigh the trials that were not seen at the last call, in their order."""
        if list(trials[: len(self._seen)]) != self._seen:
            self._start()
        for trial in trials[len(self._seen) :]:
            self._weigh(trial)
        self._seen = list(trials)

    def _weigh(self, trial: Trial) -> None:
        """Let a trial speak for its rate, and for the answer if the rate was chosen before it."""
        chosen = self._choice.chosen
        self._choice.add(trial)
        if trial.lr == chosen and self._measured is not self._choice.readings[chosen]:
            self._measured.add(trial)

    def _to_choose(self, count: int) -> list[Request]:
        wanting = self._choice.wanting()
        each = ceil(count / len(wanting))
        wanted = (
            Request(n, lr) for lr in wanting for n in self._sizes(self._choice.readings[lr], each)
        )
        return list(islice(wanted, count))

    def _to_measure(self, lr: float, count: int) -> list[Request]:
        if self._settled:
            sizes = check_sizes(self._measured, self._limits)[:count]
        else:
            aside = self._anchors(lr) or unseen_sizes(self._measured.lower, self._limits)
            sizes = aside[:count] or self._sizes(self._measured, count)
        return [Request(n, lr) for n in sizes]

    def _anchors(self, lr: float) -> list[int]:
        """Sizes away from emc50 that no trial since the choice of the rate has looked at."""
        known = self._choice.readings[lr]
        if known is self._measured:
            return []
        emc50 = known.lower.posterior.transition().median
        return anchor_sizes(self._measured, emc50, self._limits)

    def _sizes(self, readings: Readings, count: int) -> list[int]:
        """Where it tells most with open trials as unfitted: left out, they would be asked again."""
        return next_sizes(readings.lower.posterior, count, self._limits)

    @property
    def _settled(self) -> bool:
        return settled(self._measured.lower, self._limits)

    @property
    def _over(self) -> bool:
        """Whether nothing is left to ask."""
        return self._settled and not check_sizes(self._measured, self._limits)
