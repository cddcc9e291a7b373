"""Probes away from emc50 that would tell if one curve did not describe the cell."""

from collections.abc import Iterator, Sequence
from math import ceil, log
from typing import Final

import numpy as np

from emc.search.estimate import below
from emc.search.limits import Limits
from emc.search.readings import Readings

_AWAY: Final = ((0.4, 2), (0.67, 1), (1.15, 1), (1.25, 1), (1.5, 2), (2.5, 2))
"""Multiples of emc50 to look at, and how many trials there are enough."""

_NEAR: Final = 0.25
"""A trial looks at a multiple if it is this near, as a share of the way to it, in log n."""

_RUNG: Final = 4.0
"""No stretch of sizes this many times as long goes without a trial."""

_SURPRISED: Final = 3
"""How many trials there are near a size where one came out unlike all around it."""

_ANCHORS: Final = ((0.4, 1), (0.67, 1), (1.5, 1))
"""The same of the first trials after a choice: without any away from emc50 its interval has no
end, since a curve that says little of small n is possible then."""


def check_sizes(readings: Readings, limits: Limits) -> list[int]:
    """Sizes that an answer still has to be checked at, one for each trial that is missing.

    They lie about emc50, then on a ladder down to the smallest size, since the probability of a
    fit may rise before it falls. Where emc50 lies below the smallest size, the ladder goes up to
    the largest one.
    """
    emc50 = readings.lower.posterior.transition().median
    about = _missing(readings, emc50, _AWAY, limits)
    return about or list(_unlooked(readings, emc50, limits))


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


def _unlooked(readings: Readings, emc50: float, limits: Limits) -> Iterator[int]:
    """Sizes of the ladder that lack trials; more are wanted where one is a surprise."""
    none_fits = below(readings.lower.posterior, limits)
    last = limits.largest if none_fits else min(_AWAY[0][0] * emc50, limits.largest)
    if last <= limits.smallest:
        return
    far = log(last / limits.smallest)
    steps = ceil(far / log(_RUNG))
    rungs = np.rint(np.geomspace(limits.smallest, last, steps + 1)).astype(int)
    reach = far / steps / 2
    for n in rungs.tolist():
        near = [trial for trial in readings.trials if abs(log(trial.n / n)) <= reach]
        surprised = any(bool(trial.fits(readings.aim)) is none_fits for trial in near)
        yield from [n] * ((_SURPRISED if surprised else 1) - len(near))
