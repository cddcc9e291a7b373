"""What evidence says of an expectation: an effect, its interval, one p value, and which way."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from emc.findings.association import Association
from emc.findings.inference import sign_test, wilcoxon
from emc.findings.location import Location, location, ratio_interval
from emc.findings.pairs import Pairs

FEWEST_UNITS: Final = 3
"""With fewer, a t test rests on its assumption of normality alone."""


class Expectation(StrEnum):
    """Which way a claim has an effect."""

    GREATER = "greater"
    LESS = "less"
    EQUAL = "equal"
    NOT_LESS = "not less"


@dataclass(frozen=True, slots=True)
class Statistics:
    """Numbers behind a finding; NaN where there are none.

    `effect` is a ratio or a correlation, `low` and `high` its 95 % interval. `p` is that of the
    test that decides and `agrees` its side; `p_wilcoxon`, of the signed ranks of exact ratios,
    and `p_sign`, of all orderings that bounds leave known, are checks with fewer assumptions.
    `size` is the distance from the null in standard deviations of a unit. Where the readings of
    open runs `differ` in the side that they are on, p is 1 and no size is known.
    """

    measure: str
    effect: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    agrees: bool = False
    p_wilcoxon: float = math.nan
    p_sign: float = math.nan
    units: int = 0
    bounds: int = 0
    pairs: int = 0
    configurations: int = 0
    unknown: int = 0
    size: float = math.nan
    differ: bool = False


def statistics(evidence: Pairs | Association, expect: Expectation, margin: float) -> Statistics:
    """Hold evidence against an expectation; `margin` is the ratio that counts as equal."""
    if isinstance(evidence, Association):
        return _of_association(evidence, expect)
    return _of_pairs(evidence, expect, margin)


def _of_pairs(found: Pairs, expect: Expectation, margin: float) -> Statistics:
    """The result of the reading of open runs that decides least; no decision where they differ."""
    results = [_of_reading(one, expect, margin) for one in found.readings]
    least = max(results, key=lambda one: (math.isnan(one.p), one.p))
    differ = len({one.agrees for one in results}) > 1 and not math.isnan(least.p)
    effect, low, high = ratio_interval(found) or (math.nan,) * 3
    return replace(
        least,
        effect=effect,
        low=low,
        high=high,
        p=1.0 if differ else least.p,
        size=math.nan if differ else least.size,
        differ=differ,
        bounds=found.bounds,
    )


def _of_reading(found: Pairs, expect: Expectation, margin: float) -> Statistics:
    place, edge = location(found), math.log(margin)
    null = -edge if expect is Expectation.NOT_LESS else 0.0
    above, below = int((found.low > null).sum()), int((found.high < null).sum())
    p_sign = sign_test(above, below)
    p, agrees, size = math.nan, False, math.nan
    if place is not None:
        p, agrees, size = _decision(place, expect, null, edge)
    elif expect is not Expectation.EQUAL and found.bounds:
        p, agrees = p_sign, (above > below) == (expect is not Expectation.LESS)
    return Statistics(
        "ratio",
        p=p if len(found.low) >= FEWEST_UNITS else math.nan,
        agrees=agrees,
        p_wilcoxon=wilcoxon(found.exact - null),
        p_sign=p_sign,
        units=len(found.low),
        pairs=found.pairs,
        configurations=found.configurations,
        unknown=found.unknown,
        size=size,
    )


def _decision(
    place: Location, expect: Expectation, null: float, edge: float
) -> tuple[float, bool, float]:
    """p, whether the claim is on the right side of it, and the standardised distance.

    Equality is tested as two one-sided tests (Schuirmann 1987) at the nearer edge.
    """
    if expect is Expectation.EQUAL:
        p = max(place.p(edge), place.p(-edge)) / 2
        distance = edge - abs(place.mean)
        agrees = distance > 0
    else:
        p, distance = place.p(null), place.mean - null
        agrees = (distance > 0) == (expect is not Expectation.LESS)
    spread = place.deviation > 0
    return p, agrees, abs(distance) / place.deviation if spread else math.nan


def _of_association(found: Association, expect: Expectation) -> Statistics:
    units = len(found.x)
    counted = Statistics(
        "correlation",
        units=units,
        pairs=found.pairs,
        configurations=units,
        unknown=found.unknown,
    )
    r = found.partial if found.freedom > 0 else math.nan
    if math.isnan(r):
        return counted
    low, high = found.interval(lambda sample: sample.partial)
    return replace(
        counted,
        effect=r,
        low=low,
        high=high,
        p=found.p,
        agrees=(r > 0) == (expect is Expectation.GREATER),
        size=abs(r) / math.sqrt(1 - r * r) if abs(r) < 1 else math.nan,
    )
