"""The answer of a cell: emc50 with its interval, and what it rests on."""

from dataclasses import dataclass
from math import inf
from typing import Final

WANTED: Final = "wanted are finite 0 < low <= emc50 <= high, from at least one probe"


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """emc50 at one learning rate of the cell's grid, from the probes that used it."""

    lr: float
    emc50: float
    low: float
    high: float
    probes: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """One cell's EMC.

    `emc50` is the n at which the probability of `fit` is one half, `low` and `high` bound its
    95 % interval; `width` is the ratio of the n fitted with probability 0.1 to the n fitted with
    0.9, the sharpness of the transition. `emc50` counts censored probes as failures (the budget
    is part of the procedure); `emc50_without_censored` leaves them out and is the upper answer.
    A `saturated` cell met the end of its data before it stopped fitting: its numbers are lower
    bounds; one `below_smallest` does not even fit the smallest size half of the time: upper
    bounds. `emc_walk` is the last n that a walk fitted, where the search method is a walk.
    `software` names the code that measured, where that was recorded.
    """

    cell: str
    method: str
    emc50: float
    low: float
    high: float
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
    def fault(self) -> str | None:
        """What can be true of no measurement, or None."""
        intervals: list[Estimate | RateEstimate] = [self, *self.rates]
        for one in intervals:
            least = 1 if one is self else 0
            if not (0 < one.low <= one.emc50 <= one.high < inf and one.probes >= least):
                numbers = f"emc50 {one.emc50}, interval [{one.low}, {one.high}]"
                return f"{numbers}, {one.probes} probes: {WANTED}"
        return None
