"""From trials to the answer of a cell."""

from collections.abc import Iterable, Sequence
from math import log
from typing import Final

from emc.records import RateEstimate
from emc.search.curve import transition_width
from emc.search.limits import Limits
from emc.search.posterior import Interval, Posterior
from emc.search.trials import Answer, Trial

CERTAIN: Final = 0.95
"""Probability with which emc50 lies beyond the sizes that can be tried: the search ends."""

_LARGEST_SLOPE_DEVIATION: Final = 0.6
"""A search goes on until the log slope is known this well, even if emc50 seems to be: stopping
where the curve happens to look steep makes intervals too narrow."""

_AMPLE: Final = 3.0
"""An interval this many times narrower than wanted need not wait for the slope."""


def emc50(trials: Iterable[Trial], limits: Limits) -> Posterior:
    """The posterior of emc50 given trials at one learning rate; censored ones are failures."""
    outcomes = ((trial.n, trial.fit) for trial in trials)
    return Posterior(limits, outcomes)


def saturated(posterior: Posterior, limits: Limits) -> bool:
    """Whether emc50 surely lies beyond the data."""
    return posterior.beyond(log(limits.largest)) > CERTAIN


def below(posterior: Posterior, limits: Limits) -> bool:
    """Whether emc50 surely lies below the smallest size."""
    return posterior.beyond(log(limits.smallest)) < 1 - CERTAIN


def bounded(posterior: Posterior, limits: Limits) -> Interval:
    """The interval, where emc50 can only be bounded with the bound in its place."""
    found = posterior.interval()
    if saturated(posterior, limits):
        edge = float(limits.largest)
        return Interval(edge, edge, max(found.high, edge), found.slope, found.slope_deviation)
    if below(posterior, limits):
        edge = float(limits.smallest)
        return Interval(min(found.low, edge), edge, edge, found.slope, found.slope_deviation)
    return found


def narrow(found: Interval, limits: Limits) -> bool:
    """Whether the interval is within the tolerance, or within one sample: n is whole."""
    return found.half_width() <= limits.tolerance or _one_sample(found)


def settled(found: Interval, limits: Limits) -> bool:
    """Whether more probes are not needed: the interval is narrow, and not only by chance."""
    known = found.slope_deviation <= _LARGEST_SLOPE_DEVIATION
    ample = found.half_width() * _AMPLE <= limits.tolerance
    return narrow(found, limits) and (known or ample or _one_sample(found))


def _one_sample(found: Interval) -> bool:
    return found.high - found.low <= 1.0


def answer(
    trials: Sequence[Trial],
    posteriors: dict[float, Posterior],
    limits: Limits,
    emc_walk: int | None,
    ended: Sequence[float],
) -> Answer:
    """The answer at the best learning rate, and emc50 at each.

    The best is one of those whose search has `ended`; without any, one of those that were tried:
    the median of one that was not is the prior's.
    """
    intervals = {lr: bounded(posterior, limits) for lr, posterior in posteriors.items()}
    tried = [lr for lr, posterior in posteriors.items() if posterior.trials]
    best = max(
        ended or tried or posteriors,
        key=lambda lr: (saturated(posteriors[lr], limits), posteriors[lr].interval().median),
    )
    found, posterior = intervals[best], posteriors[best]
    uncensored = [trial for trial in trials if trial.lr == best and not trial.censored]
    beyond = saturated(posterior, limits)
    under = below(posterior, limits)
    return Answer(
        emc50=found.median,
        low=found.low,
        high=found.high,
        width=transition_width(found.slope),
        saturated=beyond,
        below_smallest=under,
        tolerance_reached=not (beyond or under) and narrow(found, limits),
        emc50_without_censored=bounded(emc50(uncensored, limits), limits).median,
        emc_walk=emc_walk,
        best_lr=best,
        rates=tuple(
            RateEstimate(lr, one.median, one.low, one.high, posteriors[lr].trials)
            for lr, one in intervals.items()
        ),
    )
