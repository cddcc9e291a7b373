"""Two cells that differ in one factor only, and whose numbers are certainly apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from emc.findings.factors import FACTORS, Factor
from emc.findings.matching import matched
from emc.findings.pairs import measured_cells
from emc.warehouse import Warehouse


@dataclass(frozen=True, slots=True)
class Contrast:
    """Rows of the view `emc` that differ in `factor` only; their intervals do not overlap."""

    factor: str
    more: dict[str, Any]
    fewer: dict[str, Any]

    @property
    def ratio(self) -> float:
        """How many times as many one fits at least, by the near ends of both intervals."""
        return float(self.more["least"] / self.fewer["most"])


def contrast(warehouse: Warehouse) -> Contrast | None:
    """The pair of cells that lie furthest apart; None where all intervals overlap.

    Factors whose levels are compared per parameter are left out.
    """
    cells = measured_cells(warehouse).with_columns(least=_end("low"), most=_end("high"))
    factors = [factor for factor in FACTORS.values() if factor.measure == "emc50"]
    found = [one for factor in factors for one in _of_factor(cells, factor)]
    return max(found, key=lambda one: one.ratio, default=None)


def _end(name: str) -> pl.Expr:
    """An end of the interval, infinitely far away where it is not known."""
    return pl.col(name).fill_null(0.0 if name == "low" else float("inf"))


def _of_factor(cells: pl.DataFrame, factor: Factor) -> Iterator[Contrast]:
    grouped = cells.filter(pl.col(factor.name).is_not_null())
    for group in grouped.with_columns(group=matched(grouped, factor)).partition_by("group"):
        more = group.sort("least", "cell").row(-1, named=True)
        fewer = group.sort("most", "cell").row(0, named=True)
        apart = more["least"] > fewer["most"] and more[factor.name] != fewer[factor.name]
        if apart:
            yield Contrast(factor.name, more, fewer)
