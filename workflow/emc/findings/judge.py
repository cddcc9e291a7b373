"""Claims held against the numbers of a study: one finding each."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from emc.findings.claim import Claim, Expectation
from emc.findings.claims import CLAIMS
from emc.findings.inference import holm, mean_interval, t_test, units_wanted, wilcoxon
from emc.findings.pairs import Pairs, measured_cells
from emc.warehouse import Warehouse

SIGNIFICANCE: Final = 0.05
FEWEST_UNITS: Final = 3
"""With fewer, a t test rests on its assumption of normality alone."""

_NOTHING: Final = Pairs(np.empty(0), 0, 0, 0)


class Verdict(StrEnum):
    """What the numbers say of a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    OPEN = "not enough evidence"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a study says of one claim.

    `ratio` is a geometric mean, `low` and `high` its 95 % interval (paired t on logarithms);
    `p` is that of the t test, NaN below `FEWEST_UNITS`; `p_holm` is adjusted for the number of
    claims that could be tested; `p_wilcoxon`, of the signed-rank test, is a check that needs no
    normal distribution. Without evidence numbers are NaN. `wanted` is the number of units, now
    `units`, that a mean and spread like these take to decide, None where that is not known.
    """

    claim: Claim
    verdict: Verdict
    ratio: float
    low: float
    high: float
    p: float
    p_holm: float
    p_wilcoxon: float
    units: int
    pairs: int
    configurations: int
    saturated: int
    wanted: int | None

    @property
    def sentence(self) -> str:
        """The verdict's numbers in words."""
        if not self.pairs:
            bounds = f" ({self.saturated:,} are lower bounds)" if self.saturated else ""
            return f"No evidence: it takes {self.claim.wants}{bounds}."
        text = f"{self.claim.ratio}: {self.ratio:.2f}"
        if not math.isnan(self.low):
            text += f" (95 % interval {self.low:.2f} to {self.high:.2f}{self._significance})"
        return f"{text}, from {self._basis}.{self._more}"

    @property
    def _significance(self) -> str:
        if math.isnan(self.p_holm):
            return ""
        return ", p < 0.001" if self.p_holm < 0.001 else f", p = {self.p_holm:.3f}"

    @property
    def _basis(self) -> str:
        seeds = f"{self.pairs:,} seed{'s' * (self.pairs > 1)} of one configuration"
        several = self.configurations > 1
        text = f"{self.configurations:,} configurations" if several else seeds
        return f"{text}, {self.saturated:,} lower bounds left out" if self.saturated else text

    @property
    def _more(self) -> str:
        if self.verdict is not Verdict.OPEN:
            return ""
        if self.units < FEWEST_UNITS:
            return f" A verdict takes {FEWEST_UNITS} at least."
        if self.wanted is None:
            return " No number of configurations like these would decide."
        return f" About {self.wanted:,} like these would decide."


def judge(warehouse: Warehouse, claims: Iterable[Claim] = CLAIMS) -> list[Finding]:
    """A finding for every claim, in their order, p values adjusted over all of them."""
    cells = measured_cells(warehouse)
    found = [(claim, claim.evidence(cells) if claim.evidence else _NOTHING) for claim in claims]
    p = [_significance(evidence.log_ratios) for _, evidence in found]
    tested = sum(not math.isnan(value) for value in p)
    return [
        _finding(claim, evidence, raw, adjusted, SIGNIFICANCE / max(1, tested))
        for (claim, evidence), raw, adjusted in zip(found, p, holm(p), strict=True)
    ]


def _significance(values: np.ndarray) -> float:
    return t_test(values) if len(values) >= FEWEST_UNITS else math.nan


def _finding(
    claim: Claim, evidence: Pairs, p: float, p_holm: float, significance: float
) -> Finding:
    values = evidence.log_ratios
    mean, low, high = mean_interval(values) if len(values) else (math.nan,) * 3
    return Finding(
        claim=claim,
        verdict=_verdict(claim, mean, p_holm),
        ratio=math.exp(mean),
        low=math.exp(low),
        high=math.exp(high),
        p=p,
        p_holm=p_holm,
        p_wilcoxon=wilcoxon(values),
        units=len(values),
        pairs=evidence.pairs,
        configurations=evidence.configurations,
        saturated=evidence.saturated,
        wanted=units_wanted(values, significance),
    )


def _verdict(claim: Claim, mean: float, p_holm: float) -> Verdict:
    if not p_holm < SIGNIFICANCE:
        return Verdict.OPEN
    expected = (mean > 0) == (claim.expect is Expectation.GREATER)
    return Verdict.SUPPORTED if expected else Verdict.CONTRADICTED
