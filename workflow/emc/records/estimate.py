"""The answer of a cell: emc50 with its interval, and what it rests on."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Final

from emc.records.column import column

MORE_WORK: Final = "a larger finish.effort decides more of them"
"""What helps where probes stay open."""
UNDECIDED: Final = (
    "no probe at the best learning rate, once it was chosen, is known not to fit: there is no"
    " number at minima"
)
WANTED: Final = (
    "expected finite 0 < low <= emc50 <= high, what is not known empty, from at least one probe"
)


def told_end(end: float | None, digits: int) -> str:
    """An end of an interval for a reader."""
    return "no end" if end is None else f"{end:.{digits}g}"


def told_number(emc50: float | None, digits: int) -> str:
    """A number for a reader, which open runs may leave unknown."""
    return "open" if emc50 is None else f"{emc50:.{digits}g}"


def _told(emc50: float | None, low: float | None, high: float | None) -> str:
    return f"{told_number(emc50, 4)} [{told_end(low, 4)}, {told_end(high, 4)}]"


def _known_low(low: float | None, end: float) -> float | None:
    return min(low, end) if low is not None and min(low, end) > 1 else None


def _known_high(high: float | None, end: float, upper_bound: bool = False) -> float | None:
    """An end that lies in the data; at their end where it is what bounds the number."""
    if high is None or high > end or (high == end and not upper_bound):
        return None
    return high


@dataclass(frozen=True, slots=True)
class RateEstimate:
    """emc50 at one learning rate of the cell's grid, from the probes that used it.

    An end of the interval is None where it is not known; see `Estimate`. A lower bound equals
    `low`, an upper one `high`: of a rate at which no probe is known not to fit, `low` is all there
    is.
    """

    lr: float = column("learning rate")
    emc50: float = column("samples that are fitted with probability one half, or a bound of it")
    low: float | None = column(
        "lower end of the 95 % interval; empty for an upper bound and below 1"
    )
    high: float | None = column(
        "upper end of the 95 % interval; empty for a lower bound and beyond the data"
    )
    probes: int = column("probes at this rate")

    def within(self, end: float) -> "RateEstimate":
        """The same where the data has `end` samples; see `Estimate.within_data`."""
        upper_bound = self.emc50 == self.high
        return replace(
            self,
            emc50=min(self.emc50, end),
            low=None if upper_bound else _known_low(self.low, end),
            high=_known_high(self.high, end, upper_bound),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One cell's EMC, at its minima and within its budget.

    `emc50` is the n at which a probe fits at its minimum with probability one half, `low` and
    `high` bound its 95 % interval; an end that does not lie between 1 and `samples_available`,
    where n can be tried, is not known: None. Probes that nothing has decided are open: `low` takes
    them for failures, `high` leaves them out, `emc50` is the geometric mean of both readings, and
    None where no probe that it rests on is known not to fit, or where the smallest n do not fit and
    larger ones do. Both numbers rest on the probes at the best rate, once that was chosen.
    `open_matters` says that the readings differ by more
    than the tolerance, `unfitted_decided` which share of the unfitted probes in the transition is
    decided (None without any). `emc50_budget`, `low_budget` and `high_budget` are the same of fits
    within the budget, from the same probes.

    `low_any_curve` and `high_any_curve` bound what the search aims at whatever the curve, as long
    as it crosses one half once. `one_curve` says whether one smooth curve describes the probes; if
    not, `misfit` says why, and the interval is as wide as what is known.

    `width` is the ratio of the n fitted with probability 0.1 to the n fitted with 0.9, the
    sharpness of the transition. A `saturated` cell met the end of its data before it stopped
    fitting: its emc50 is a lower bound and `high` is None; one `below_smallest` does not even fit
    the smallest size half of the time: its emc50 is an upper bound and `low` is None. `emc_walk`
    is the last n that a walk fitted, where the search method is a walk. `rate_at_edge` is "lowest"
    or "highest" where the best learning rate lies at that end of its grid. `finish_refused` says
    why no probe could be brought to a minimum, `native_refused` why the kernels did not train the
    net, `software` names the code that measured.
    """

    cell: str = column("cell")
    method: str = column("search method")
    emc50: float | None = column(
        "samples that are fitted at minima with probability one half; empty where no probe that it"
        " rests on is known not to fit, or where the smallest n do not fit and larger ones do"
    )
    low: float | None = column(
        "lower end of the 95 % interval of emc50, open runs being unfitted; empty for an"
        " upper bound and below 1"
    )
    high: float | None = column(
        "upper end of the 95 % interval of emc50, open runs left out; empty where saturated"
        " or beyond the data"
    )
    emc50_budget: float = column(
        "samples that are fitted within the budget with probability one half"
    )
    low_budget: float | None = column(
        "lower end of the 95 % interval of emc50_budget; empty for an upper bound and below 1"
    )
    high_budget: float | None = column(
        "upper end of the 95 % interval of emc50_budget; empty where it is a lower bound or"
        " beyond the data"
    )
    low_any_curve: float | None = column(
        "lower end of a 95 % confidence set of what the search aims at that assumes no curve,"
        " only that the probability crosses one half once; empty where not known"
    )
    high_any_curve: float | None = column("upper end of the same set; empty where not known")
    one_curve: bool = column("one smooth curve describes the probes")
    misfit: str | None = column("why one smooth curve does not describe the probes")
    unfitted_decided: float | None = column(
        "share of the unfitted probes in the transition (fitted probability from 5 to 95 %)"
        " that are decided: diverged or at a minimum; empty without any"
    )
    open_matters: bool = column("open runs could move emc50 beyond the tolerance")
    width: float = column("n fitted with probability 0.1 over n fitted with 0.9")
    emc_walk: int | None = column("last n that a walk fitted")
    saturated: bool = column("the data ended first: emc50 is a lower bound")
    below_smallest: bool = column("not even the smallest n: emc50 is an upper bound")
    tolerance: float = column("wanted relative half width of the interval")
    tolerance_reached: bool = column("the interval is that narrow")
    best_lr: float = column("learning rate that the search chose")
    rate_at_edge: str | None = column(
        "lowest or highest where the best learning rate lies at that end of its grid"
    )
    rates: tuple[RateEstimate, ...]
    probes: int = column("probes spent")
    rounds: int = column("rounds of the search")
    parameters: int = column("trainable parameters")
    classes: int = column("classes")
    samples_available: int = column("training samples that the data set offers")
    memorised_bits: float = column("largest number of bits that a probe memorised", unit="bits")
    seconds: float = column("wall time of all probes", unit="seconds")
    back_end: str = column("back end that trained")
    device: str = column("kind of device")
    card: str | None = column(
        "model of the GPU of the last probe; empty on the processor", default=None
    )
    round_size: int | None = column(
        "probes that the search asked for at once, at most; more on a GPU", default=None
    )
    software: str | None = column("versions of the code that measured", default=None)
    finish_refused: str | None = column("why no probe could be brought to a minimum", default=None)
    native_refused: str | None = column(
        "why the native kernels did not train the net",
        default=None,
    )

    @property
    def within_data(self) -> "Estimate":
        """The same without what only the search's prior says: of n that cannot be tried.

        An emc50 beyond the data becomes the lower bound that the data is. A lower bound has no
        `high`, an upper bound no `low`, and an interval no end below 1 or beyond the data.
        """
        end = float(self.samples_available)
        saturated = self.saturated or (self.emc50 is not None and self.emc50 > end)
        high = None if saturated else _known_high(self.high, end, self.below_smallest)
        upper_bound = self.emc50_budget == self.high_budget
        return replace(
            self,
            emc50=None if self.emc50 is None else min(self.emc50, end),
            low=None if self.below_smallest else _known_low(self.low, end),
            high=high,
            emc50_budget=min(self.emc50_budget, end),
            low_budget=None if upper_bound else _known_low(self.low_budget, end),
            high_budget=_known_high(self.high_budget, end, upper_bound),
            low_any_curve=_known_low(self.low_any_curve, end),
            high_any_curve=_known_high(self.high_any_curve, end),
            saturated=saturated,
            tolerance_reached=self.tolerance_reached and high is not None,
            rates=tuple(rate.within(end) for rate in self.rates),
        )

    @property
    def told(self) -> str:
        """Both numbers with their intervals, in one line."""
        minima = _told(self.emc50, self.low, self.high)
        budget = _told(self.emc50_budget, self.low_budget, self.high_budget)
        bounds = "".join(self._bounds)
        return f"EMC at minima {minima}, within the budget {budget} samples{bounds}"

    @property
    def _bounds(self) -> Iterator[str]:
        """Which of the numbers are bounds, and why."""
        below_budget = self.emc50_budget == self.high_budget
        ended_budget = self.emc50_budget >= self.samples_available and not below_budget
        only_low = self.emc50_budget == self.low_budget and self.high_budget is None
        lower = self.saturated, ended_budget
        upper = self.below_smallest and self.emc50 is not None, below_budget
        smallest = "not even the smallest n tried is fitted half of the time"
        smaller, larger = (
            f"the n tried are too {size} to tell more" for size in ("small", "large")
        )
        for which, bound, why in (
            (lower, "a lower bound", "the data ended first"),
            ((False, only_low and not ended_budget), "a lower bound", smaller),
            (upper, "an upper bound", smallest if self.below_smallest else larger),
        ):
            if all(which):
                yield f"; each is {bound}: {why}"
            elif any(which):
                number = "the number at minima" if which[0] else "the number within the budget"
                yield f"; {number} is {bound}: {why}"

    @property
    def doubts(self) -> tuple[str, ...]:
        """What a reader must know before trusting the numbers, each in a few words."""
        edge = f"the best learning rate, {self.best_lr:g}, is the {self.rate_at_edge} of its grid"
        undecided = self.emc50 is None and self.finish_refused is None and self.one_curve
        more = MORE_WORK if self.open_matters else "more probes, or those of larger n, tell it"
        told = (
            (self.finish_refused, f"no finish: {self.finish_refused}"),
            (undecided, f"{UNDECIDED}; {more}"),
            (
                self.open_matters and not undecided,
                f"open runs could move emc50 beyond its tolerance; {MORE_WORK}",
            ),
            (self.misfit, f"one curve does not describe the probes: {self.misfit}"),
            (self.rate_at_edge, edge),
        )
        return tuple(text for applies, text in told if applies)

    @property
    def fault(self) -> str | None:
        """What can be true of no measurement, or None."""
        budget = (self.emc50_budget, self.low_budget, self.high_budget, self.probes, 1)
        rates = [(one.emc50, one.low, one.high, one.probes, 0) for one in self.rates]
        for emc50, low, high, probes, least in (
            (self.emc50, self.low, self.high, self.probes, 1),
            budget,
            *rates,
        ):
            if not _possible(low, emc50, high) or probes < least:
                numbers = f"emc50 {emc50}, interval [{low}, {high}]"
                return f"{numbers}, {probes} probes: {WANTED}"
        return None


def _possible(*numbers: float | None) -> bool:
    """Whether the ends and the middle that are known are positive, finite and ascending."""
    known = [number for number in numbers if number is not None]
    return known == sorted(known) and all(0 < number < inf for number in known)
