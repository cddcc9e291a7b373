"""What a search asks for, what it is told, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from emc.records import RateEstimate

Aim = Literal["minima", "budget"]
"""Which of the two numbers a search aims at."""


@dataclass(frozen=True, slots=True)
class Request:
    """One probe to run."""

    n: int
    lr: float


@dataclass(frozen=True, slots=True)
class Trial:
    """One finished probe.

    `within_budget`: it fitted within its budget; `at_minimum`: it fits at the minimum that it was
    finished to, None where nothing decided that.
    """

    n: int
    lr: float
    within_budget: bool
    at_minimum: bool | None

    def fits(self, aim: Aim) -> bool | None:
        """Whether it counts as fitted; None where that is open."""
        return self.at_minimum if aim == "minima" else self.within_budget


@dataclass(frozen=True, slots=True)
class Answer:
    """What all trials together say of a cell; fields as in `emc.records.Estimate`.

    `below_smallest`: not even the smallest size is fitted half of the time, so that `emc50` is an
    upper bound; `saturated`: the largest is, so that it is a lower bound.
    """

    emc50: float | None
    low: float | None
    high: float | None
    emc50_budget: float
    low_budget: float | None
    high_budget: float | None
    low_any_curve: float | None
    high_any_curve: float | None
    one_curve: bool
    misfit: str | None
    unfitted_decided: float | None
    open_matters: bool
    width: float
    saturated: bool
    below_smallest: bool
    tolerance_reached: bool
    emc_walk: int | None
    best_lr: float
    rate_at_edge: str | None
    rates: tuple[RateEstimate, ...]


class Method(Protocol):
    """A way to search; both functions depend on the trials alone, so that a journal replays."""

    def requests(self, trials: Sequence[Trial]) -> list[Request]:
        """The next round after all trials so far; empty when the search has ended."""

    def answer(self, trials: Sequence[Trial]) -> Answer:
        """What the trials so far say."""
