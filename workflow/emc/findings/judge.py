"""Claims held against the numbers of a study: one finding each."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from emc.findings.claim import Claim, asked_of
from emc.findings.claims import CLAIMS
from emc.findings.inference import holm, units_wanted
from emc.findings.material import Material, material
from emc.findings.statistics import FEWEST_UNITS, Statistics, statistics
from emc.warehouse import Warehouse

SIGNIFICANCE: Final = 0.05


class ClaimVerdict(StrEnum):
    """What the numbers say of a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    OPEN = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a study says of one claim.

    `statistics` are about the numbers at minima, or about the budget for a claim of that. `p_holm`
    is its p adjusted for the number of claims that could be tested. `budget` is what the same cells
    say within their budgets, None for a claim of the budget itself: it decides nothing. `wanted`
    is the number of units that an effect and spread like these take to decide, None where that is
    not known.
    """

    claim: Claim
    verdict: ClaimVerdict
    statistics: Statistics
    p_holm: float
    budget: Statistics | None
    wanted: int | None

    @property
    def sentence(self) -> str:
        """The verdict's numbers in words."""
        if not self.statistics.units:
            unknown = self.statistics.unknown
            told = f" ({_pairs(unknown)} bounds on both sides)" if unknown else ""
            return f"No evidence: it takes {self.claim.wants}{told}."
        numbers = _numbers(self.statistics, _significance(self.p_holm))
        text = f"{self.claim.ratio}: {numbers}, from {self._basis}."
        return f"{text}{self._more}{self._beside}"

    @property
    def _beside(self) -> str:
        """The same within the budget."""
        found = self.budget
        if found is None or not found.units or found == self.statistics:
            return ""
        return f" Within the budget: {_numbers(found, '')}."

    @property
    def _basis(self) -> str:
        found = self.statistics
        seeds = f"{found.pairs:,} seed{'s' * (found.pairs > 1)} of one configuration"
        several = found.configurations > 1
        text = f"{found.configurations:,} configurations" if several else seeds
        bounds = f", {found.bounds:,} of them bounds" if found.bounds else ""
        left_out = f"; {_pairs(found.unknown)} left out, bounds on both sides"
        return f"{text}{bounds}{left_out if found.unknown else ''}"

    @property
    def _more(self) -> str:
        if self.verdict is not ClaimVerdict.OPEN:
            return ""
        if self.statistics.units < FEWEST_UNITS:
            return f" A verdict takes {FEWEST_UNITS} at least."
        if self.wanted is None or self._left_open:
            return self._left_open
        more = self.wanted - self.statistics.units
        if more <= 0:
            return f" About {self.wanted:,} like these decide four times in five."
        return f" About {more:,} more like these would decide."

    @property
    def _left_open(self) -> str:
        """Why more configurations like these would decide nothing."""
        if _mostly_unknown(self.statistics):
            return " More pairs are left out than in: what they would say is not known."
        if self.statistics.differ:
            return " Its open runs leave both answers possible, however many are like these."
        nothing = " No number of configurations like these would decide."
        return nothing if self.wanted is None else ""


def judge(warehouse: Warehouse, claims: Iterable[Claim] | None = None) -> list[Finding]:
    """A finding for every claim, p values adjusted over all of them.

    Without `claims`, those of the published study and then those of this study's author.
    """
    stated = [*CLAIMS, *asked_of(warehouse)] if claims is None else list(claims)
    numbers = material(warehouse)
    found = [_statistics(claim, numbers) for claim in stated]
    budgets = [None if one.of_budget else _statistics(one, numbers.within_budget) for one in stated]
    adjusted = holm([one.p for one in found])
    tested = sum(not math.isnan(one.p) for one in found)
    significance = SIGNIFICANCE / max(1, tested)
    return [
        Finding(claim, _verdict(one, p), one, p, budget, units_wanted(one.size, significance))
        for claim, one, p, budget in zip(stated, found, adjusted, budgets, strict=True)
    ]


def _statistics(claim: Claim, numbers: Material) -> Statistics:
    return statistics(claim.gather(numbers), claim.expect, claim.margin)


def _verdict(found: Statistics, p_holm: float) -> ClaimVerdict:
    if not p_holm < SIGNIFICANCE or _mostly_unknown(found):
        return ClaimVerdict.OPEN
    return ClaimVerdict.SUPPORTED if found.agrees else ClaimVerdict.CONTRADICTED


def _mostly_unknown(found: Statistics) -> bool:
    """Whether more pairs are left out than there are: open runs could turn their answer."""
    return found.unknown > found.pairs


def _numbers(found: Statistics, significance: str) -> str:
    if math.isnan(found.effect):
        return f"only the order is known{significance}"
    if math.isnan(found.low):
        return f"{found.effect:.2f}"
    interval = f"95 % interval {_end(found.low)} to {_end(found.high)}"
    return f"{found.effect:.2f} ({interval}{significance})"


def _significance(p: float) -> str:
    if math.isnan(p):
        return ""
    return ", p < 0.001" if p < 0.001 else f", p = {p:.3f}"


def _pairs(count: int) -> str:
    return f"{count:,} pair{'s are' if count > 1 else ' is'}"


def _end(value: float) -> str:
    return f"{value:.2f}" if value < math.inf else "no end"
