"""How EMC grows with the number of parameters: exponents of power laws."""

from dataclasses import dataclass
from typing import Final

import polars as pl
from scipy import stats

from emc.findings.factors import Factor
from emc.findings.inference import LEVEL
from emc.findings.matching import matched
from emc.findings.pairs import measured_cells
from emc.warehouse import Warehouse

FEWEST_SIZES: Final = 3

_SIZE: Final = Factor("width", ("architecture.width",))
_SHARED: Final = (
    *("dataset", "labels", "architecture", "depth"),
    *("activation", "initialisation", "optimizer"),
)


@dataclass(frozen=True, slots=True)
class Exponent:
    """EMC ~ parameters^exponent for one procedure at growing width.

    Least squares of log emc50 on log parameters over all cells of those sizes at which none is a
    bound; `low` and `high` are the 95 % t interval of the slope.
    """

    dataset: str
    labels: str
    architecture: str
    depth: int | None
    activation: str
    initialisation: str
    optimizer: str
    exponent: float
    low: float
    high: float
    r_squared: float
    sizes: int
    cells: int

    @property
    def procedure(self) -> str:
        """What grows, in a few words."""
        depth = "" if self.depth is None else f" of depth {self.depth}"
        return (
            f"{self.architecture}{depth}, {self.activation}, {self.optimizer},"
            f" {self.initialisation}, {self.labels} labels, {self.dataset}"
        )


def exponents(warehouse: Warehouse) -> list[Exponent]:
    """An exponent for every procedure with three sizes or more."""
    cells = measured_cells(warehouse)
    grouped = cells.with_columns(matched(cells, _SIZE, apart=["seed"]))
    bound = pl.col("saturated") | pl.col("below_smallest")
    exact = grouped.filter(~bound.any().over("group", "parameters"))
    groups = exact.group_by("group", maintain_order=True)
    return [_exponent(rows) for _, rows in groups if rows["parameters"].n_unique() >= FEWEST_SIZES]


def _exponent(rows: pl.DataFrame) -> Exponent:
    fit = stats.linregress(rows["parameters"].log(), rows["emc50"].log())
    half = float(stats.t.ppf(0.5 + LEVEL / 2, len(rows) - 2)) * fit.stderr
    return Exponent(
        **rows.select(_SHARED).row(0, named=True),
        exponent=float(fit.slope),
        low=float(fit.slope - half),
        high=float(fit.slope + half),
        r_squared=float(fit.rvalue**2),
        sizes=rows["parameters"].n_unique(),
        cells=len(rows),
    )
