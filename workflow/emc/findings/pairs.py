"""Pairs of cells that differ in one factor, as log ratios of EMC."""

import math
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from emc.findings.factors import Factor
from emc.findings.matching import matched
from emc.warehouse import Warehouse, once


@dataclass(frozen=True, slots=True)
class Pairs:
    """Log ratios that a test may treat as independent, each in [low, high], float64 [units].

    A saturated cell bounds its EMC from below, one that does not fit the smallest size from
    above; a ratio that follows from one of them is a bound too, with an infinite end. Seeds repeat
    a configuration and say nothing about others: where there are several configurations, each
    gives one unit, the mean over its seeds; the seeds of a single one are units themselves.
    Where runs that are open could move a cell's EMC, it lies anywhere in its interval, and so a
    ratio may have two ends that are finite and differ.
    `pairs` counts pairs of cells behind the units, `unknown` those of units that are bounded on
    neither side and left out.
    """

    low: np.ndarray
    high: np.ndarray
    pairs: int
    configurations: int
    unknown: int

    @property
    def exact(self) -> np.ndarray:
        """Log ratios that are no bounds."""
        return np.asarray(self.low[self.low == self.high])

    @property
    def bounds(self) -> int:
        """Number of units that are bounds."""
        return int((self.low != self.high).sum())

    @property
    def readings(self) -> "tuple[Pairs, ...]":
        """The same with all that open runs leave unknown at its lower, and at its upper end."""
        unknown = np.isfinite(self.low) & np.isfinite(self.high) & (self.low != self.high)
        if not unknown.any():
            return (self,)
        return (
            replace(self, high=np.where(unknown, self.low, self.high)),
            replace(self, low=np.where(unknown, self.high, self.low)),
        )


@once
def measured_cells(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the view `emc` that have an answer above zero."""
    return warehouse.sql("SELECT * FROM emc WHERE isfinite(emc50) AND emc50 > 0")


@once
def bounded_cells(warehouse: Warehouse) -> pl.DataFrame:
    """The same, and those whose open runs leave no number: lower bounds, by the end that is known.

    Left out, they would take large answers from every mean: cells stay open where nets fit most.
    """
    return warehouse.sql(
        "SELECT * REPLACE (coalesce(emc50, low) AS emc50,"
        " coalesce(emc50, low) / parameters AS per_parameter,"
        " coalesce(emc50, low) / trainable AS per_trainable,"
        " coalesce(emc50, low) / bits AS per_bit, saturated OR emc50 IS NULL AS saturated)"
        " FROM emc WHERE isfinite(coalesce(emc50, low)) AND coalesce(emc50, low) > 0"
    )


def within_budget(cells: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `emc` as if what they fit within their budget were all that is known.

    One of whose number within the budget neither end is known says nothing, and is left out.
    """
    budget = pl.col("emc50_budget")
    told = pl.any_horizontal(pl.col("low_budget", "high_budget").is_not_null())
    return cells.filter(
        told | pl.col("saturated_budget") | pl.col("below_smallest_budget")
    ).with_columns(
        emc50=budget,
        per_parameter=budget / pl.col("parameters"),
        per_trainable=budget / pl.col("trainable"),
        per_bit=budget / pl.col("bits"),
        saturated=pl.col("saturated_budget"),
        below_smallest=pl.col("below_smallest_budget"),
        open_matters=False,
    )


def open_as_bounds(cells: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `emc`, those that open runs could move as lower bounds by their `low`.

    Their emc50 lies between both readings of open runs: it is not the least that they can have.
    One without a `low` is bounded on neither side.
    """
    moved, low = pl.col("open_matters"), pl.col("low")
    return cells.with_columns(
        emc50=pl.when(moved).then(pl.coalesce(low, "emc50")).otherwise("emc50"),
        saturated=pl.col("saturated") | moved,
        below_smallest=pl.col("below_smallest") | (moved & low.is_null()),
    )


def budget_answers(warehouse: Warehouse) -> pl.DataFrame:
    """EMC of cells at budgets in gradient evaluations, bounds marked as in the view `emc`.

    Where probes whose own budget ran out first could move it beyond the cell's tolerance, it is a
    lower bound, too: it counts them as not fitted.
    """
    return warehouse.sql(
        "SELECT cell, b.budget, b.emc50, b.bound = 'lower' OR (b.unknown > 0"
        " AND coalesce(b.emc50_without_unknown > b.emc50 * (1 + e.tolerance), true)) AS saturated,"
        " b.bound = 'upper' AS below_smallest"
        " FROM emc_by_budget AS b JOIN estimates AS e USING (cell)"
        " WHERE b.unit = 'gradient evaluations' ORDER BY cell, b.budget"
    )


def pairs(cells: pl.DataFrame, factor: Factor, over: object, under: object) -> Pairs:
    """Log ratios of EMC at level `over` of a factor to that at level `under`.

    `cells` are rows of the view `emc`. Replicates of a level within one group of matched cells
    count with the mean of their logarithms, or of its bounds.
    """
    return log_ratios(with_groups(cells, factor), over, under)


def pairs_at_equal_evaluations(
    cells: pl.DataFrame, budgets: pl.DataFrame, factor: Factor, over: object, under: object
) -> Pairs:
    """The same at the largest budget that all cells of a group with both levels have.

    `budgets` are rows of `budget_answers`; a cell without any is left out.
    """
    places = pl.col("cell", "group", "configuration", "level")
    both = pl.col("level").n_unique().over("group") == 2
    grouped = with_groups(cells, factor).select(places).filter(pl.col("level").is_in([over, under]))
    known = grouped.join(budgets.select("cell").unique(), on="cell", how="semi").filter(both)
    members = pl.len().over("group").alias("members")
    rows = known.with_columns(members).join(budgets, on="cell")
    shared = rows.filter(pl.len().over("group", "budget") == pl.col("members"))
    largest = shared.filter(pl.col("budget") == pl.col("budget").max().over("group"))
    return log_ratios(largest.with_columns(ends("emc50")), over, under)


def with_groups(cells: pl.DataFrame, factor: Factor) -> pl.DataFrame:
    """Rows of the view `emc` as `log_ratios` wants them, matched on all but a factor."""
    return cells.select(
        "cell",
        *possible_ends(factor.measure),
        group=matched(cells, factor),
        configuration=matched(cells, factor, apart=["seed"]),
        level=pl.col(factor.name),
    )


def log_ratios(grouped: pl.DataFrame, over: object, under: object) -> Pairs:
    """Log ratios at one level to those at another within groups of matched cells."""
    levels = grouped.group_by("configuration", "group", "level").agg(pl.col("low", "high").mean())
    found = (
        levels.filter(level=over)
        .join(levels.filter(level=under), on=["configuration", "group"])
        .select(
            "configuration",
            low=pl.col("low") - pl.col("high_right"),
            high=pl.col("high") - pl.col("low_right"),
        )
    )
    return _units(found)


def against_parameters(cells: pl.DataFrame) -> Pairs:
    """Log ratios of EMC to the number of parameters, one for each row of the view `emc`."""
    nothing = Factor("nothing", ())
    configuration = matched(cells, nothing, apart=["seed"])
    return _units(cells.select(*possible_ends("per_parameter"), configuration=configuration))


def ends(measure: str) -> tuple[pl.Expr, pl.Expr]:
    """Ends of the logarithm of a measure: infinite where it is only a bound."""
    value = pl.col(measure).log()
    below, above = pl.col("below_smallest"), pl.col("saturated")
    low = pl.when(below).then(-math.inf).otherwise(value).alias("low")
    return low, pl.when(above).then(math.inf).otherwise(value).alias("high")


def possible_ends(measure: str) -> tuple[pl.Expr, pl.Expr]:
    """The same, and those of the cell's interval where open runs could move its EMC.

    That interval spans both readings of open runs: as failures, and as not known.
    """
    low, high = ends(measure)
    scale = (pl.col(measure) / pl.col("emc50")).log()
    least = (pl.col("low").log() + scale).fill_null(-math.inf)
    most = (pl.col("high").log() + scale).fill_null(math.inf)
    open_runs = pl.col("open_matters")
    return (
        pl.when(open_runs).then(pl.min_horizontal(low, least)).otherwise(low).alias("low"),
        pl.when(open_runs).then(pl.max_horizontal(high, most)).otherwise(high).alias("high"),
    )


def _units(found: pl.DataFrame) -> Pairs:
    """Ends of a mean are the means of the ends."""
    known = pl.any_horizontal(pl.col("low", "high").is_finite())
    seeds = found.sort("configuration", "low", "high")
    means = seeds.group_by("configuration", maintain_order=True).agg(pl.col("low", "high").mean())
    several = len(means) > 1
    told = (means if several else seeds).filter(known)
    behind = seeds.join(told.select("configuration").unique(), on="configuration", how="semi")
    kept = behind if several else told
    return Pairs(
        low=told["low"].to_numpy(),
        high=told["high"].to_numpy(),
        pairs=len(kept),
        configurations=told["configuration"].n_unique(),
        unknown=len(found) - len(kept),
    )
