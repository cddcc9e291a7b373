"""Two databases held against each other: the cells whose EMC moved beyond its uncertainty."""

from typing import Final

import numpy as np
import polars as pl
from scipy import stats

from emc.findings.inference import LEVEL, holm
from emc.warehouse import Warehouse

SIGNIFICANCE: Final = 0.05

_CELLS: Final = """
SELECT cell, json_merge_patch(definition, '{"protocol": null}') AS definition,
  emc50, low, high, saturated, below_smallest
FROM emc WHERE status = 'measured' AND isfinite(emc50) AND emc50 > 0 ORDER BY cell
"""


def compare(one: Warehouse, other: Warehouse) -> pl.DataFrame:
    """Cells measured in both, one row each, the surest movement first.

    Cells are the same when their definitions are, whatever version of the measurement they were
    measured with. Columns: `cell` and `other_cell`; emc50, low and high (empty where not
    known) of both; `ratio`, other over one; `p`, that the two differ; `p_holm`, adjusted for the
    number of cells; `moved`.

    The logarithm of an emc50 counts as normal with the width of its 95 % interval. A bound tells a
    movement only where the other number lies beyond it.
    """
    pairs = one.sql(_CELLS).join(other.sql(_CELLS), on="definition", suffix="_other")
    p = _significance(pairs)
    adjusted = np.array(holm(p.tolist()))
    return (
        pairs.select(
            "cell",
            other_cell="cell_other",
            emc50="emc50",
            low="low",
            high="high",
            other_emc50="emc50_other",
            other_low="low_other",
            other_high="high_other",
            ratio=pl.col("emc50_other") / pl.col("emc50"),
            p=pl.Series(p, dtype=pl.Float64),
            p_holm=pl.Series(adjusted, dtype=pl.Float64),
            moved=pl.Series(adjusted < SIGNIFICANCE, dtype=pl.Boolean),
        )
        .sort("p", "cell")
        .fill_nan(None)
    )


def _significance(pairs: pl.DataFrame) -> np.ndarray:
    """Two-sided p of the difference of logarithms [pairs]; 1 where bounds leave it open."""
    gap = (pairs["emc50_other"].log() - pairs["emc50"].log()).to_numpy()
    spread = np.hypot(_deviation(pairs, ""), _deviation(pairs, "_other"))
    z = np.divide(np.abs(gap), spread, out=np.full(len(gap), np.inf), where=spread > 0)
    p = 2 * stats.norm.sf(np.where(gap == 0, 0.0, z))
    above = (pairs["saturated"] | pairs["below_smallest_other"]).to_numpy()
    below = (pairs["below_smallest"] | pairs["saturated_other"]).to_numpy()
    # A lower bound of the first can only be seen to lie above the other, and so on.
    open_ended = (above & (gap >= 0)) | (below & (gap <= 0))
    return np.asarray(np.where(open_ended, 1.0, p))


def _deviation(pairs: pl.DataFrame, suffix: str) -> np.ndarray:
    """Standard deviation of log emc50; 0 of a bound."""
    log = {end: pairs[f"{end}{suffix}"].log().to_numpy() for end in ("low", "emc50", "high")}
    # An end that is not known counts as far away as the other; without either nothing is told.
    halves = np.stack([log["emc50"] - log["low"], log["high"] - log["emc50"]])
    width = np.where(np.isnan(halves), halves[::-1], halves).sum(axis=0)
    bound = (pairs[f"saturated{suffix}"] | pairs[f"below_smallest{suffix}"]).to_numpy()
    spread = np.nan_to_num(width, nan=np.inf) / (2 * stats.norm.isf((1 - LEVEL) / 2))
    return np.where(bound, 0.0, spread)
