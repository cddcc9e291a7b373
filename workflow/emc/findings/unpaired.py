"""Claims of a study's author that none of its cells can bear on: told before anything is paid."""

from collections.abc import Sequence
from typing import Any, Final

import polars as pl

from emc.findings.claim import ALL
from emc.findings.factors import FACTORS
from emc.findings.pairs import pairs
from emc.store.columns import CELLS
from emc.store.plan import plan_row
from emc.store.tables import frame
from emc.study import PlannedCell
from emc.study.claims import AskedClaim

_EXACT: Final[dict[str, Any]] = {
    "low": 1.0,
    "high": 1.0,
    "saturated": False,
    "below_smallest": False,
    "open_matters": False,
}
"""What a measured cell has that is neither a bound nor waits for open runs."""


def unpaired(claims: Sequence[AskedClaim], planned: Sequence[PlannedCell]) -> list[str]:
    """A sentence for each claim of which no two cells would be a pair, were all measured."""
    cells = frame(CELLS, map(plan_row, planned))
    return [text for claim in claims if (text := _unpaired(claim, cells))]


def _unpaired(claim: AskedClaim, cells: pl.DataFrame) -> str | None:
    factor = FACTORS[claim.compare]
    conditions = [pl.col(column) == value for column, value in claim.where.items()]
    about = cells.filter(pl.all_horizontal(ALL, *conditions))
    if factor.equal_size and about["parameters"].null_count():
        return None  # sizes are known once the data are prepared
    answered = about.with_columns(pl.lit(1.0).alias("emc50"), **_EXACT)
    measured = answered.with_columns(pl.lit(1.0).alias(factor.measure))
    over, under = claim.levels
    if pairs(measured, factor, over, under).pairs:
        return None
    counts = about[factor.name].drop_nulls().value_counts().sort(factor.name).rows()
    known = ", ".join(f"{level} ({count:,})" for level, count in counts) or "none"
    only = "".join(f", {column} {value}" for column, value in claim.where.items())
    return (
        f"claim {claim.name!r}: no two cells differ in {claim.compare} only, {over} and"
        f" {under}{only}: it will stay without evidence; levels of {claim.compare} with their"
        f" cells: {known}"
    )
