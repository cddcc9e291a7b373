"""Probes away from emc50 that would tell if one curve did not describe the cell."""

from math import log
from typing import Final

from emc.search.evidence import Evidence
from emc.search.limits import Limits

_AWAY: Final = ((0.4, 2), (0.67, 1), (1.15, 1), (1.25, 1), (1.5, 2), (2.5, 2))
"""Multiples of emc50 to look at, and how many trials there are enough."""

_NEAR: Final = 0.25
"""A trial looks at a multiple if it is this near, as a share of the way to it, in log n."""


def check_sizes(evidence: Evidence, limits: Limits) -> list[int]:
    """Sizes that an answer still has to be checked at, one for each trial that is missing."""
    emc50 = evidence.lower.posterior.interval().median
    wanted = []
    for multiple, count in _AWAY:
        n = round(min(max(multiple * emc50, limits.smallest), limits.largest))
        near = sum(abs(log(trial.n / n)) <= _NEAR * abs(log(multiple)) for trial in evidence.trials)
        wanted += [n] * max(count - near, 0)
    return wanted
