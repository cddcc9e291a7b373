"""Probes away from emc50 that would tell if one curve did not describe the cell."""

from collections.abc import Sequence
from math import log
from typing import Final

from emc.search.limits import Limits
from emc.search.readings import Readings

_AWAY: Final = ((0.4, 2), (0.67, 1), (1.15, 1), (1.25, 1), (1.5, 2), (2.5, 2))
"""Multiples of emc50 to look at, and how many trials there are enough."""

_NEAR: Final = 0.25
"""A trial looks at a multiple if it is this near, as a share of the way to it, in log n."""


_ANCHORS: Final = ((0.4, 1), (0.67, 1), (1.5, 1))
"""The same of the first trials after a choice: without any away from emc50 its interval has no
end, since a curve that says little of small n is possible then."""


def check_sizes(readings: Readings, limits: Limits) -> list[int]:
    """Sizes that an answer still has to be checked at, one for each trial that is missing."""
    return _missing(readings, readings.lower.posterior.transition().median, _AWAY, limits)


def anchor_sizes(readings: Readings, emc50: float, limits: Limits) -> list[int]:
    """Sizes to begin with where emc50 is known roughly, from trials that do not count."""
    return _missing(readings, emc50, _ANCHORS, limits)


def _missing(
    readings: Readings, emc50: float, wanted_at: Sequence[tuple[float, int]], limits: Limits
) -> list[int]:
    wanted = []
    for multiple, count in wanted_at:
        n = round(min(max(multiple * emc50, limits.smallest), limits.largest))
        near = sum(abs(log(trial.n / n)) <= _NEAR * abs(log(multiple)) for trial in readings.trials)
        wanted += [n] * max(count - near, 0)
    return wanted
