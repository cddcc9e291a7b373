"""Pairs of cells that differ in one factor, as log ratios of EMC."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from emc.findings.factors import Factor
from emc.findings.matching import matched
from emc.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Pairs:
    """Log ratios that a test may treat as independent, float64 [units].

    Seeds repeat a configuration and say nothing about others: where there are several
    configurations, each gives one ratio, the mean over its seeds; the seeds of a single one are
    units themselves. `pairs` counts pairs of cells; `saturated` counts those of configurations
    with a lower bound: to leave out only the bound would favour the seeds that fit least.
    """

    log_ratios: np.ndarray
    pairs: int
    configurations: int
    saturated: int


def measured_cells(warehouse: Warehouse) -> pl.DataFrame:
    """The rows of the view `emc` that have an answer above zero."""
    return warehouse.sql("SELECT * FROM emc WHERE isfinite(emc50) AND emc50 > 0")


def pairs(cells: pl.DataFrame, factor: Factor, over: object, under: object) -> Pairs:
    """Log ratios of EMC at level `over` of a factor to that at level `under`.

    `cells` are rows of the view `emc`. Replicates of a level within one group of matched cells
    count with the mean of their logarithms.
    """
    grouped = cells.select(
        group=matched(cells, factor),
        configuration=matched(cells, factor, apart=["seed"]),
        level=pl.col(factor.name),
        log_emc=pl.col("per_parameter" if factor.per_parameter else "emc50").log(),
        saturated=pl.col("saturated"),
    )
    levels = grouped.group_by("configuration", "group", "level").agg(
        pl.col("log_emc").mean(), pl.col("saturated").any()
    )
    found = (
        levels.filter(level=over)
        .join(levels.filter(level=under), on=["configuration", "group"])
        .select(
            "configuration",
            log_ratio=pl.col("log_emc") - pl.col("log_emc_right"),
            saturated=pl.col("saturated") | pl.col("saturated_right"),
        )
        .sort("configuration", "log_ratio")
    )
    return _units(found)


def against_parameters(cells: pl.DataFrame) -> Pairs:
    """Log ratios of EMC to the number of parameters, one for each row of the view `emc`."""
    nothing = Factor("nothing", ())
    return _units(
        cells.select(
            configuration=matched(cells, nothing, apart=["seed"]),
            log_ratio=pl.col("per_parameter").log(),
            saturated=pl.col("saturated"),
        ).sort("configuration", "log_ratio")
    )


def _units(found: pl.DataFrame) -> Pairs:
    exact = found.filter(~pl.col("saturated").any().over("configuration"))
    means = exact.group_by("configuration", maintain_order=True).agg(pl.col("log_ratio").mean())
    several = len(means) > 1
    return Pairs(
        log_ratios=(means if several else exact)["log_ratio"].to_numpy(),
        pairs=len(exact),
        configurations=len(means),
        saturated=len(found) - len(exact),
    )
