"""The answer of a cell: emc50 with its interval, and what it rests on."""

from dataclasses import dataclass, replace
from math import inf
from typing import Final

WANTED: Final = (
    "wanted are finite 0 < low <= emc50 <= high, an end that is not known empty, from at least"
    " one probe"
)


def told_end(end: float | None, digits: int) -> str:
    """An end of an interval for a reader."""
    return "no end" if end is None else f"{end:.{digits}g}"


def _known_low(low: float | None, end: float) -> float | None:
    return min(low, end) if low is not None and min(low, end) > 1 else None


def _known_high(high: float | None, end: float) -> float | None:
    return high if high is not None and high < end else None


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """emc50 at one learning rate of the cell's grid, from the probes that used it.

    An end of the interval is None where it is not known; see `Estimate`.
    """

    lr: float
    emc50: float
    low: float | None
    high: float | None
    probes: int

    def within(self, end: float) -> "RateEstimate":
        """The same where the data has `end` samples; see `Estimate.within_data`."""
        upper_bound = self.emc50 == self.high
        return replace(
            self,
            emc50=min(self.emc50, end),
            low=None if upper_bound else _known_low(self.low, end),
            high=_known_high(self.high, end),
        )


@dataclass(frozen=True, slots=True)
class Estimate:
    """One cell's EMC.

    `emc50` is the n at which the probability of `fit` is one half, `low` and `high` bound its
    95 % interval; an end that does not lie between 1 and `samples_available`, where n can be
    tried, is not known: None. `width` is the ratio of the n fitted with probability 0.1 to the n
    fitted with 0.9, the sharpness of the transition. `emc50` counts censored probes as failures
    (the budget is part of the procedure); `emc50_without_censored` leaves them out and is the
    upper answer, a lower bound where it is `samples_available`. A `saturated` cell met the end of
    its data before it stopped fitting: its emc50 is a lower bound and `high` is None; one
    `below_smallest` does not even fit the smallest size half of the time: its emc50 is an upper
    bound and `low` is None. `emc_walk` is the last n that a walk fitted, where the search method
    is a walk.
    `software` names the code that measured, where that was recorded.
    """

    cell: str
    method: str
    emc50: float
    low: float | None
    high: float | None
    width: float
    emc50_without_censored: float
    censored: int
    emc_walk: int | None
    saturated: bool
    below_smallest: bool
    tolerance: float
    tolerance_reached: bool
    best_lr: float
    rates: tuple[RateEstimate, ...]
    probes: int
    rounds: int
    parameters: int
    classes: int
    samples_available: int
    memorised_bits: float
    seconds: float
    back_end: str
    device: str
    software: str | None = None

    @property
    def within_data(self) -> "Estimate":
        """The same without what only the search's prior says: of n that cannot be tried.

        An emc50 beyond the data becomes the lower bound that the data is. A lower bound has no
        `high`, an upper bound no `low`, and an interval no end below 1 or beyond the data.
        """
        end = float(self.samples_available)
        saturated = self.saturated or self.emc50 > end
        high = None if saturated else _known_high(self.high, end)
        return replace(
            self,
            emc50=min(self.emc50, end),
            low=None if self.below_smallest else _known_low(self.low, end),
            high=high,
            saturated=saturated,
            tolerance_reached=self.tolerance_reached and high is not None,
            emc50_without_censored=min(self.emc50_without_censored, end),
            rates=tuple(rate.within(end) for rate in self.rates),
        )

    @property
    def fault(self) -> str | None:
        """What can be true of no measurement, or None."""
        intervals: list[Estimate | RateEstimate] = [self, *self.rates]
        for one in intervals:
            least = 1 if one is self else 0
            low = one.emc50 if one.low is None else one.low
            high = one.emc50 if one.high is None else one.high
            if not 0 < low <= one.emc50 <= high < inf or one.probes < least:
                numbers = f"emc50 {one.emc50}, interval [{one.low}, {one.high}]"
                return f"{numbers}, {one.probes} probes: {WANTED}"
        return None
