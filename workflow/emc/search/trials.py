"""What a search asks for, what it is told, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from emc.records import RateEstimate


@dataclass(frozen=True, slots=True)
class Request:
    """One probe to run."""

    n: int
    lr: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished probe."""

    n: int
    lr: float
    fit: bool
    censored: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What all trials together say of a cell; fields as in `emc.records.Estimate`.

    `below_smallest`: not even the smallest size is fitted half of the time, so that `emc50` is an
    upper bound; `saturated`: the largest is, so that it is a lower bound.
    """

    emc50: float
    low: float
    high: float
    width: float
    saturated: bool
    below_smallest: bool
    tolerance_reached: bool
    emc50_without_censored: float
    emc_walk: int | None
    best_lr: float
    rates: tuple[RateEstimate, ...]


class Method(Protocol):
    """A way to search; both functions depend on the trials alone, so that a journal replays."""

    def requests(self, trials: Sequence[Trial]) -> list[Request]:
        """The next round after all trials so far; empty when the search has ended."""

    def answer(self, trials: Sequence[Trial]) -> Answer:
        """What the trials so far say."""
