"""Where the next probes tell most."""

from math import exp, floor, log
from typing import Final

import numpy as np

from emc.search.limits import Limits
from emc.search.posterior import Posterior

_CANDIDATES: Final = 31
_GOOD_ENOUGH: Final = 0.85
"""Share of the largest information at which a size tells almost as much."""

_NEARLY: Final = 2.0
"""An interval at most this many times wider than wanted is nearly narrow enough."""

_FLANK: Final = 0.8
"""Distance of sizes from emc50 then, in tolerances, in log n."""

_OFFSETS: Final = (0.0, 0.5, 0.0, -0.5)
"""Distances from the middle of a share of the mass, in slopes."""


def next_sizes(posterior: Posterior, count: int, limits: Limits) -> list[int]:
    """The next `count` sizes, from the smallest to the largest that can be tried.

    One size maximises the mutual information between the probe's outcome and emc50 with its family
    of curves, nearly: of all that tell almost as much the one nearest to emc50 is taken, since far
    from it a curve unlike all that are held possible misleads. Several are spread over the
    posterior: the size for the i-th of `count` equal shares of the mass of emc50 lies at the
    share's middle or half a slope to either side, so that a first round brackets and later ones
    see both flanks of the transition.

    Where the interval is nearly narrow enough, sizes lie below and above emc50 in turn, at a
    little less than the tolerance: in a wide transition they tell almost as much of emc50 as those
    at it, and they show, whatever the curve, that it crosses one half between them.
    """
    found = posterior.transition()
    if found.half_width() <= _NEARLY * limits.tolerance:
        flanks = beside(found.median, exp(_FLANK * limits.tolerance))
        turns = range(posterior.trials, posterior.trials + count)
        return [_within(flanks[turn % 2], limits) for turn in turns]
    if count == 1:
        return [_most_telling(posterior, limits)]
    middles = posterior.quantiles((np.arange(count) + 0.5) / count)
    offsets = found.slope * np.resize(_OFFSETS, count)
    return [_within(float(size), limits) for size in np.exp(middles + offsets)]


def beside(emc50: float, ratio: float) -> tuple[int, int]:
    """The whole n nearest to emc50 / ratio and emc50 * ratio, but always one on either side.

    The same whole n may be nearest to both where emc50 is small, and would show one side only.
    """
    last = floor(emc50)
    return min(round(emc50 / ratio), last), max(round(emc50 * ratio), last + 1)


def _most_telling(posterior: Posterior, limits: Limits) -> int:
    low, high = posterior.quantiles(np.array([0.01, 0.99]))
    found = posterior.transition()
    margin = 1.5 * found.slope
    ends = np.clip([low - margin, high + margin], *np.log([limits.smallest, limits.largest]))
    sizes = np.log(np.unique(np.rint(np.exp(np.linspace(ends[0], ends[1], _CANDIDATES)))))
    information = posterior.telling(sizes)
    telling = sizes[information >= _GOOD_ENOUGH * information.max()]
    nearest = telling[np.argmin(np.abs(telling - log(found.median)))]
    return _within(float(np.exp(nearest)), limits)


def _within(size: float, limits: Limits) -> int:
    return min(max(round(size), limits.smallest), limits.largest)
