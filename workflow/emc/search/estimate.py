"""From trials to the answer of a cell.

At one learning rate, trials of n_i samples that fitted (y_i = 1) or did not (y_i = 0) give

    p(log emc50, slope, shape | trials)  ~  prior * product over i of p_i^y_i (1 - p_i)^(1 - y_i),

    p_i = Pr[fit | n_i], about a logistic function of (log emc50 - log n_i) / slope,

with the curve of `emc.search.curve` and the prior of `emc.search.prior`; `emc.search.posterior`
weighs them. The posterior's median and 95 % interval are emc50 and its interval. Where no one
curve describes the trials, the interval also holds what the bets of `emc.search.betting` leave.
Open trials are read twice, as unfitted (lower) and left out (upper). The reported emc50, of the
rate that fits most, is sqrt(lower * upper); its interval holds both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor, inf, log, sqrt
from typing import Final

from emc.records import RateEstimate
from emc.search.betting import OpenEnds
from emc.search.curve import transition_width
from emc.search.limits import Limits
from emc.search.posterior import Posterior
from emc.search.readings import Reading, Readings
from emc.search.trials import Aim, Answer

CERTAIN: Final = 0.95
"""Probability with which emc50 lies beyond the sizes that can be tried: the search ends."""

_WEAK: Final = 0.4
"""Level of bets that need less evidence than those of the confidence set."""

_WIDER: Final = 2.0
"""A search goes on until such bets leave an interval at most this many times wider than wanted,
even if the curve makes a narrower one: curves mislead where they do not hold. Where one whole n is
fitted half of the time, bets leave two samples, and no more probes make it less."""

_ANY_CURVE: Final = 8.0
"""The same of the confidence set's own bets: a few lucky trials must not end a search."""

_ASIDE: Final = 1.2
"""How far from emc50, as a ratio, a probe tells where bets still leave an end open."""
_LEFT_OPEN: Final = 1.3
"""Bets leave an end open that lies further from emc50 than by this ratio."""

_FAR_BELOW: Final = 2.0
"""How far below the smallest size tried an end tells of the prior more than of trials."""

_TRANSITION: Final = log(0.95 / 0.05)
"""Slopes from emc50 within which the fitted probability lies between 5 and 95 %."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number with its interval: not known where None."""

    emc50: float
    low: float | None
    high: float | None

    def narrow(self, limits: Limits, times: float = 1.0) -> bool:
        """Whether the interval is within `times` tolerances, or `times` samples: n is whole."""
        if self.low is None or self.high is None:
            return False
        return self.high - self.low <= times * max(2.0 * self.emc50 * limits.tolerance, 1.0)


def saturated(posterior: Posterior, limits: Limits) -> bool:
    """Whether emc50 surely lies beyond the data."""
    return posterior.beyond(log(limits.largest)) > CERTAIN


def below(posterior: Posterior, limits: Limits) -> bool:
    """Whether emc50 surely lies below the smallest size."""
    return posterior.beyond(log(limits.smallest)) < 1 - CERTAIN


def bounded(posterior: Posterior, limits: Limits) -> Bounds:
    """The interval, where emc50 can only be bounded with the bound in its place."""
    found = posterior.transition()
    if saturated(posterior, limits):
        edge = float(limits.largest)
        return Bounds(edge, edge, max(found.high, edge))
    if below(posterior, limits):
        edge = float(limits.smallest)
        return Bounds(edge, min(found.low, edge), edge)
    return Bounds(found.median, found.low, found.high)


def reported(reading: Reading, limits: Limits) -> Bounds:
    """The posterior's interval; with what no bet refutes where one curve does not describe all."""
    found = bounded(reading.posterior, limits)
    if reading.misfit is None:
        return found
    return _widened(found, reading.bets.ends)


def settled(reading: Reading, limits: Limits) -> bool:
    """Whether more probes are not needed: the interval is narrow, and not only by chance."""
    posterior = reading.posterior
    if below(posterior, limits) or saturated(posterior, limits):
        return True
    found = reported(reading, limits)
    weak = _widened(found, reading.bets.left(_WEAK))
    any_curve = _widened(found, reading.bets.ends)
    wanted = ((found, 1.0), (weak, _WIDER), (any_curve, _ANY_CURVE))
    return all(_mirrored(one, limits).narrow(limits, times) for one, times in wanted)


def unseen_sizes(reading: Reading, limits: Limits) -> list[int]:
    """Sizes on the sides where the curve knows an end and the bets do not: none if both do.

    Probes at emc50 win no bet, since either outcome is as likely there. Where both sides are open
    each comes first in turn, so that a round of one probe leaves neither out.
    """
    found = bounded(reading.posterior, limits)
    if saturated(reading.posterior, limits) or below(reading.posterior, limits):
        return []
    if not found.narrow(limits):
        return []
    low, high = reading.bets.ends
    far = (floor(found.emc50 / _LEFT_OPEN), ceil(found.emc50 * _LEFT_OPEN))
    sides = [(low or 0.0) < far[0], high is None or high > far[1]]
    aside = (floor(found.emc50 / _ASIDE), ceil(found.emc50 * _ASIDE))
    wanted = zip(aside, sides, strict=True)
    sizes = [n for n, is_open in wanted if is_open and limits.smallest <= n <= limits.largest]
    return sizes[::-1] if reading.posterior.trials % 2 else sizes


def spanning(readings: Readings, limits: Limits) -> Bounds:
    """Both readings of open trials: the geometric mean of their emc50, and the union."""
    lower, upper = reported(readings.lower, limits), reported(readings.upper, limits)
    return Bounds(
        sqrt(lower.emc50 * upper.emc50),
        _lower(lower.low, upper.low),
        _higher(lower.high, upper.high),
    )


def _mirrored(found: Bounds, limits: Limits) -> Bounds:
    """An end that lies where no size can be tried as far from the last size as the other end is.

    Probes cannot tell how far beyond it emc50 lies: such an end does not keep a search going.
    """
    low, high = found.low or 0.0, inf if found.high is None else found.high
    return Bounds(
        found.emc50, max(low, 2.0 * limits.smallest - high), min(high, 2.0 * limits.largest - low)
    )


def _widened(found: Bounds, ends: OpenEnds) -> Bounds:
    """The same number with an interval that holds other ends too."""
    return Bounds(found.emc50, _lower(found.low, ends[0]), _higher(found.high, ends[1]))


def _lower(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else min(one, other)


def _higher(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else max(one, other)


def answer(
    readings: Mapping[float, Readings],
    best: float,
    *,
    limits: Limits,
    aim: Aim,
    emc_walk: int | None = None,
    rate_at_edge: str | None = None,
) -> Answer:
    """The answer at the `best` learning rate, and emc50 at each, by what the search aims at."""
    chosen = readings[best]
    other: Aim = "budget" if aim == "minima" else "minima"
    numbers = {aim: chosen, other: _read_as(other, chosen, limits)}
    minima = spanning(numbers["minima"], limits)
    budget = _above(numbers["budget"], _told(numbers["budget"], limits), limits)
    known = _known(numbers["minima"], limits)
    low_any_curve, high_any_curve = _any_curve(chosen)
    misfit = _misfit(chosen)
    beyond, under = _bound(numbers["minima"], limits)
    aimed = spanning(chosen, limits)
    return Answer(
        emc50=minima.emc50 if known else None,
        low=minima.low,
        high=minima.high if known else None,
        emc50_budget=budget.emc50,
        low_budget=budget.low,
        high_budget=budget.high,
        low_any_curve=low_any_curve,
        high_any_curve=high_any_curve,
        one_curve=misfit is None,
        misfit=misfit,
        unfitted_decided=unfitted_decided(numbers["minima"]),
        open_matters=open_matters(numbers["minima"], limits),
        width=transition_width(chosen.lower.posterior.transition().slope),
        saturated=beyond,
        below_smallest=under,
        tolerance_reached=not any(_bound(chosen, limits)) and aimed.narrow(limits),
        emc_walk=emc_walk,
        best_lr=best,
        rate_at_edge=rate_at_edge,
        rates=tuple(_rate(lr, one, limits) for lr, one in readings.items()),
    )


def _read_as(aim: Aim, readings: Readings, limits: Limits) -> Readings:
    """The same trials where a fit is what another aim calls one: itself if none differs."""
    if all(trial.at_minimum == trial.within_budget for trial in readings.trials):
        return readings
    return Readings(limits, aim, readings.trials)


def _misfit(readings: Readings) -> str | None:
    """Why one curve does not describe the trials in either reading."""
    return readings.lower.misfit or readings.upper.misfit


def _bound(readings: Readings, limits: Limits) -> tuple[bool, bool]:
    """Whether emc50 surely lies beyond the data, and whether it does below the smallest size."""
    posterior = readings.lower.posterior
    under = _misfit(readings) is None and below(posterior, limits)
    return saturated(posterior, limits), under


def _above(readings: Readings, found: Bounds, limits: Limits) -> Bounds:
    """An upper bound in place of a number far below all sizes tried, which only the prior knows.

    One beyond the data bounds nothing: then the number has no ends at all.
    """
    least = min((trial.n for trial in readings.trials), default=0)
    if found.high is None or found.emc50 >= least or (found.low or 0.0) >= least / _FAR_BELOW:
        return found
    bound = found.emc50 if found.high >= limits.largest else found.high
    return Bounds(bound, None, found.high)


def unfitted_decided(readings: Readings) -> float | None:
    """Share of the unfitted probes in the transition that are decided; None without any there."""
    found = readings.lower.posterior.transition()
    reach = _TRANSITION * found.slope
    decided = [
        trial.at_minimum is not None
        for trial in readings.trials
        if not trial.at_minimum and abs(log(trial.n / found.median)) <= reach
    ]
    return sum(decided) / len(decided) if decided else None


def open_matters(readings: Readings, limits: Limits) -> bool:
    """Whether emc50 may lie beyond the tolerance of what it is with open runs as unfitted."""
    if readings.upper is readings.lower:
        return False
    lower, upper = (bounded(one.posterior, limits) for one in readings.distinct)
    more = 1.0 + limits.tolerance
    return upper.emc50 > lower.emc50 * more or (upper.high or inf) > (lower.high or inf) * more


def _known(readings: Readings, limits: Limits) -> bool:
    """Whether a trial is known not to fit, or the data end where all fit.

    Else only the prior would tell how far beyond the sizes tried it lies. Where the smallest sizes
    do not fit and larger ones do, no number stands for the cell.
    """
    lower = readings.lower
    if lower.misfit is not None and below(lower.posterior, limits):
        return False
    if readings.upper.posterior.unfitted or saturated(lower.posterior, limits):
        return True
    return readings.upper is lower and any(one.n == limits.largest for one in readings.trials)


def _told(readings: Readings, limits: Limits) -> Bounds:
    """The number with its interval, or the lower bound that is all there is."""
    found = spanning(readings, limits)
    if found.low is None or found.low <= 1 or _known(readings, limits):
        return found
    return Bounds(found.low, found.low, None)


def _any_curve(readings: Readings) -> tuple[float | None, float | None]:
    """Ends of what no bet refutes in either reading; unknown where that is nothing."""
    if not all(reading.bets.crosses_once for reading in readings.distinct):
        return None, None
    lower, upper = readings.lower.bets.ends, readings.upper.bets.ends
    return _lower(lower[0], upper[0]), _higher(lower[1], upper[1])


def _rate(lr: float, readings: Readings, limits: Limits) -> RateEstimate:
    found = _told(readings, limits)
    return RateEstimate(lr, found.emc50, found.low, found.high, len(readings.trials))
