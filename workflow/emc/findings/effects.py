"""How much each factor moves EMC: ratios over matched cells with their interval."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import polars as pl

from emc.findings.factors import FACTORS, Factor
from emc.findings.location import ratio_interval
from emc.findings.pairs import Pairs, bounded_cells, log_ratios, with_groups
from emc.warehouse import Warehouse, once


@dataclass(frozen=True, slots=True)
class Effect:
    """EMC at level `over` of a factor relative to level `under`, over matched cells.

    `ratio` is a geometric mean over configurations, `low` and `high` its 95 % interval (paired t
    on logarithms, by likelihood where some are bounds), NaN where one ratio is all there is.
    """

    factor: str
    over: str
    under: str
    ratio: float
    low: float
    high: float
    pairs: int
    configurations: int
    bounds: int

    @property
    def certain(self) -> bool:
        """The interval leaves out 1."""
        return self.low > 1 or self.high < 1

    @property
    def sentence(self) -> str:
        """The effect in words, with its numbers."""
        return f"{self._comparison} ({self._interval}{self._basis})."

    @property
    def _comparison(self) -> str:
        measure = FACTORS[self.factor].measured
        over, under = (level_in_words(self.factor, level) for level in (self.over, self.under))
        ratio = ratio_in_words(self.ratio)
        return f"At minima, {measure} with {over} is {ratio} times that with {under}"

    @property
    def _interval(self) -> str:
        if math.isnan(self.low):
            return "no interval, "
        return f"95 % interval {ratio_in_words(self.low)} to {ratio_in_words(self.high)}, "

    @property
    def _basis(self) -> str:
        pairs = f"{self.pairs:,} pair{'s' * (self.pairs > 1)} of cells"
        bounds = f", {self.bounds:,} of them bounds" if self.bounds else ""
        if self.configurations > 1:
            return f"{pairs} in {self.configurations:,} configurations{bounds}"
        return f"{pairs} of one configuration{bounds}"


@once
def effects(warehouse: Warehouse) -> tuple[Effect, ...]:
    """Effects of all pairs of levels with matched cells: the certain first, then the largest."""
    cells = bounded_cells(warehouse)
    found = [made for factor in FACTORS.values() for made in _of_factor(cells, factor)]
    return tuple(sorted(found, key=lambda made: (not made.certain, -math.log(made.ratio))))


def effect(factor: str, over: str, under: str, found: Pairs) -> Effect | None:
    """The effect, seen from the level with the larger EMC; None where pairs do not tell it."""
    ends = ratio_interval(found)
    if ends is None:
        return None
    ratio, low, high = ends
    if ratio < 1:
        over, under, ratio, low, high = under, over, 1 / ratio, 1 / high, 1 / low
    return Effect(
        factor=factor,
        over=over,
        under=under,
        ratio=ratio,
        low=low,
        high=high,
        pairs=found.pairs,
        configurations=found.configurations,
        bounds=found.bounds,
    )


def _of_factor(cells: pl.DataFrame, factor: Factor) -> Iterator[Effect]:
    levels = cells[factor.name].drop_nulls().unique().sort().to_list()
    if len(levels) < 2:
        return
    grouped = with_groups(cells, factor)
    for over, under in combinations(levels, 2):
        made = effect(factor.name, str(over), str(under), log_ratios(grouped, over, under))
        if made:
            yield made


def ratio_in_words(ratio: float) -> str:
    """A ratio for a reader; beyond a million it says only that."""
    if not 1e-6 < ratio < 1e6:
        return "more than a million" if ratio > 1 else "less than a millionth"
    return f"{ratio:,.0f}" if ratio >= 1000 else f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def level_in_words(factor: str, level: str) -> str:
    """A level of a factor as it stands in a sentence: "original labels", "tanh", "momentum 0.9"."""
    if factor in {"architecture", "optimizer", "activation", "dataset"}:
        return level
    if factor == "labels":
        return _INPUTS.get(level, f"{level} labels")
    return f"{factor.replace('_', ' ')} {level}"


_INPUTS: Final = {
    "classes": "merged classes",
    "random-inputs": "random inputs",
    "permuted-pixels": "permuted pixels",
}
"""Labellings that are not said of labels."""
