"""A confidence set for emc50 that assumes no curve."""

from math import log
from typing import Final

import numpy as np

_LEVEL: Final = 0.05
_SUREST: Final = 0.97
"""No bet risks more: one surprise must not end all evidence."""

OpenEnds = tuple[float | None, float | None]


class Bets:
    """The sizes m that no bet has refuted as the last that is fitted half of the time.

    A candidate m says that Pr[fit | n] >= 1/2 up to m and <= 1/2 beyond. Each trial is a bet
    against it at odds that are fair or worse if m is right: where an unfitted run was expected at
    n <= m, or a fit beyond, the stake is multiplied by twice the probability that was given to
    what came. The product is a test supermartingale, so that by Ville's inequality it reaches 20
    with probability 0.05 at most, wherever the sizes are placed and whenever the search stops
    (Waudby-Smith and Ramdas 2024). A candidate that is refuted once stays refuted.
    """

    def __init__(self) -> None:
        """Without any bet, every size is possible.

        Candidates between the same two sizes fare alike: the i-th of k + 1 groups lies from the
        (i - 1)-th to below the i-th size. Rows of evidence: from unfitted runs up to m, and from
        fits beyond it.
        """
        self._sizes = np.zeros(0)
        self._evidence = np.zeros((2, 1))
        self._most = np.zeros(1)

    def add(self, n: int, fit: bool, expected: float) -> None:
        """Bet on a trial at `n`, to which a fit was `expected` with this probability beforehand."""
        place = self._at(n)
        expected = min(max(expected, 1.0 - _SUREST), _SUREST)
        gain = log(2.0 * (expected if fit else 1.0 - expected))
        if expected < 0.5:
            self._evidence[0, place + 1 :] += gain
        else:
            self._evidence[1, : place + 1] += gain
        self._most = np.maximum(self._most, self._evidence.sum(axis=0))

    @property
    def crosses_once(self) -> bool:
        """Whether any candidate is left."""
        return bool((self._most < log(1.0 / _LEVEL)).any())

    @property
    def ends(self) -> OpenEnds:
        """The lowest and highest n where emc50 may lie, None for an open end.

        Where no candidate is left, from the first size that is not fitted half of the time to the
        last that is, as far as either evidence alone tells.
        """
        if self.crosses_once:
            return self.left(_LEVEL)
        first, last = (self._around(row < log(1.0 / _LEVEL)) for row in self._evidence)
        return _ordered(first[1], last[0])

    def left(self, level: float) -> OpenEnds:
        """The same of candidates against which no stake reached 1 / `level`.

        Where that is no candidate, of those against which the largest stake was the least. A weak
        level may refute all candidates by luck, the true one with a probability of up to `level`,
        and what is refuted stays so. An empty set then says that the level is too weak for these
        trials, not that emc50 may lie anywhere: the highest level that leaves any takes its place.
        """
        possible = self._most < log(1.0 / level)
        return self._around(possible if possible.any() else self._most == self._most.min())

    def _around(self, possible: np.ndarray) -> OpenEnds:
        """Ends of the candidates that are possible; at least one is."""
        places = np.flatnonzero(possible)
        first, last = int(places[0]), int(places[-1])
        low = float(self._sizes[first - 1]) if first else None
        high = float(self._sizes[last]) if last < len(self._sizes) else None
        return low, high

    def _at(self, n: int) -> int:
        """Place of `n` among the sizes tried."""
        place = int(np.searchsorted(self._sizes, n))
        if place == len(self._sizes) or self._sizes[place] != n:
            self._sizes = np.insert(self._sizes, place, n)
            self._evidence = np.insert(self._evidence, place, self._evidence[:, place], axis=1)
            self._most = np.insert(self._most, place, self._most[place])
        return place


def _ordered(one: float | None, other: float | None) -> OpenEnds:
    """Two ends, of which one that is open stands for no evidence on its side."""
    if one is None or other is None:
        return None, None
    return min(one, other), max(one, other)
