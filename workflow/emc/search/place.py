"""Where the next probes tell most."""

from math import log
from typing import Final

import numpy as np

from emc.search.posterior import Posterior

_CANDIDATES: Final = 31
_GOOD_ENOUGH: Final = 0.85
"""Share of the largest information at which a size tells almost as much."""

_OFFSETS: Final = (0.0, 0.5, 0.0, -0.5)
"""Distances from the middle of a share of the mass, in slopes."""


def next_sizes(posterior: Posterior, count: int, smallest: int, largest: int) -> list[int]:
    """The next `count` sizes, from `smallest` to `largest`.

    One size maximises the mutual information between the probe's outcome and emc50, nearly: of
    all that tell almost as much the one nearest to emc50 is taken, since far from it a curve of
    another shape than the assumed one misleads. Several are spread over the posterior: the size
    for the i-th of `count` equal shares of the mass of emc50 lies at the share's middle or half a
    slope to either side, so that a first round brackets and later ones see both flanks of the
    transition.
    """
    if count == 1:
        return [_most_telling(posterior, smallest, largest)]
    middles = posterior.quantiles((np.arange(count) + 0.5) / count)
    flank = posterior.interval().slope
    offsets = flank * np.resize(_OFFSETS, count)
    return [_within(float(size), smallest, largest) for size in np.exp(middles + offsets)]


def _most_telling(posterior: Posterior, smallest: int, largest: int) -> int:
    low, high = posterior.quantiles(np.array([0.01, 0.99]))
    found = posterior.interval()
    margin = 1.5 * found.slope
    ends = np.clip([low - margin, high + margin], log(smallest), log(largest))
    sizes = np.linspace(ends[0], ends[1], _CANDIDATES)
    information = posterior.telling(sizes)
    telling = sizes[information >= _GOOD_ENOUGH * information.max()]
    nearest = telling[np.argmin(np.abs(telling - log(found.median)))]
    return _within(float(np.exp(nearest)), smallest, largest)


def _within(size: float, smallest: int, largest: int) -> int:
    return min(max(round(size), smallest), largest)
