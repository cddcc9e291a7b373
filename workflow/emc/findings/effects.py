"""How much a factor moves EMC: ratios over matched cells with their interval."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
import polars as pl
from scipy import stats

from emc.findings.matching import FACTORS, matched
from emc.warehouse import Warehouse

LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Effect:
    """EMC at level `over` of a factor relative to level `under`, over matched cells.

    `ratio` is the geometric mean of emc50 (per parameter where sizes differ) at `over` divided by
    that at `under`; `low` and `high` bound its 95 % interval (paired t on logarithms), NaN with
    fewer than two pairs. `saturated` pairs, in which a number is a lower bound, are left out.
    """

    factor: str
    over: str
    under: str
    pairs: int
    saturated: int
    ratio: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """The interval leaves out 1."""
        return self.low > 1 or self.high < 1

    @property
    def sentence(self) -> str:
        """The effect in words, with its numbers."""
        measure = "EMC per parameter" if self.factor == "architecture" else "EMC"
        noun = " labels" if self.factor == "labels" else ""
        text = f"{measure} with {self.over}{noun} is {self.ratio:.2f} times that with {self.under}"
        if self.pairs < 2:
            return f"{text} (one pair of cells, no interval)."
        interval = f"95 % interval {self.low:.2f} to {self.high:.2f}"
        unclear = "" if self.certain else "; it may be none"
        return f"{text} ({interval}, {self.pairs:,} pairs of cells{unclear})."


def effects(warehouse: Warehouse) -> list[Effect]:
    """Effects of all factors and pairs of levels with a matched pair, the largest first."""
    cells = warehouse.sql("SELECT * FROM emc WHERE status = 'measured'")
    found = [made for factor in FACTORS for made in _of_factor(cells, factor)]
    return sorted(found, key=lambda made: (not made.certain, -abs(math.log(made.ratio))))


def effect(pairs: pl.DataFrame, factor: str, over: str, under: str) -> Effect | None:
    """The effect from one row a pair: log ratio `log_ratio`, and whether it is `saturated`."""
    exact = pairs.filter(~pl.col("saturated"))["log_ratio"].to_numpy()
    if not len(exact):
        return None
    mean, half = float(exact.mean()), _half_width(exact)
    return Effect(
        factor=factor,
        over=over,
        under=under,
        pairs=len(exact),
        saturated=int(pairs["saturated"].sum()),
        ratio=math.exp(mean),
        low=math.exp(mean - half),
        high=math.exp(mean + half),
    )


def _half_width(values: np.ndarray) -> float:
    if len(values) < 2:
        return math.nan
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(stats.t.ppf(0.5 + LEVEL / 2, len(values) - 1)) * error


def _of_factor(cells: pl.DataFrame, factor: str) -> Iterator[Effect]:
    value = "per_parameter" if factor == "architecture" else "emc50"
    levels = (
        cells.with_columns(matched(cells, factor))
        .filter(pl.col("emc50").is_finite() & (pl.col("emc50") > 0))
        .group_by(f"{factor}_group", factor)
        .agg(log_emc=pl.col(value).log().mean(), saturated=pl.col("saturated").any())
    )
    for one, other in combinations(sorted(levels[factor].unique()), 2):
        pairs = (
            levels.filter(pl.col(factor) == one)
            .join(levels.filter(pl.col(factor) == other), on=f"{factor}_group")
            .select(
                log_ratio=pl.col("log_emc") - pl.col("log_emc_right"),
                saturated=pl.col("saturated") | pl.col("saturated_right"),
            )
        )
        found = effect(pairs, factor, one, other)
        if found:
            yield found if found.ratio >= 1 else _reversed(found)


def _reversed(found: Effect) -> Effect:
    """The same effect seen from the level with the larger EMC."""
    return Effect(
        factor=found.factor,
        over=found.under,
        under=found.over,
        pairs=found.pairs,
        saturated=found.saturated,
        ratio=1 / found.ratio,
        low=1 / found.high,
        high=1 / found.low,
    )
