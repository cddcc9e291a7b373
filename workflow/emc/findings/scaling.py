"""How EMC grows with the number of parameters: exponents of power laws."""

import math
from dataclasses import dataclass
from typing import Final

import polars as pl

from emc.findings.factors import SIZE
from emc.findings.inference import LEVEL
from emc.findings.line import CensoredLine
from emc.findings.matching import matched
from emc.findings.naming import differences
from emc.findings.pairs import bounded_cells, ends, open_as_bounds
from emc.warehouse import Warehouse

FEWEST_SIZES: Final = 3

_SHARED: Final = (
    *("dataset", "labels", "architecture", "depth"),
    *("activation", "initialisation", "optimizer", "settings"),
)
_SETTINGS: Final = (
    *("classes", "label_noise", "parameterisation", "weight_decay", "loss", "label_smoothing"),
    *("schedule", "batch"),
)


@dataclass(frozen=True, slots=True)
class Exponent:
    """EMC ~ parameters^exponent for one procedure at growing width.

    `settings` are those, in words, that not nearly all cells of the study share.
    The slope of log emc50 on log parameters over all cells, `bounds` of which count as such
    (`CensoredLine`), those among them that open runs could move as lower bounds; `low` and `high`
    are its 95 % interval.
    """

    dataset: str
    labels: str
    architecture: str
    depth: int | None
    activation: str
    initialisation: str
    optimizer: str
    settings: str
    exponent: float
    low: float
    high: float
    r_squared: float
    sizes: int
    cells: int
    bounds: int

    @property
    def procedure(self) -> str:
        """What grows, in a few words."""
        depth = "" if self.depth is None else f" of depth {self.depth}"
        settings = f", {self.settings}" if self.settings else ""
        return (
            f"{self.architecture}{depth}, {self.activation}, {self.optimizer},"
            f" {self.initialisation}, {self.labels} labels, {self.dataset}{settings}"
        )

    @property
    def shown(self) -> str:
        """The exponent with its interval."""
        low, high = (
            f"{end:.3f}" if math.isfinite(end) else "no end" for end in (self.low, self.high)
        )
        return f"{self.exponent:.3f} ({low} to {high})"

    @property
    def basis(self) -> str:
        """The cells behind it, in a few words."""
        return (
            f"{self.cells:,}, {self.bounds:,} of them bounds" if self.bounds else f"{self.cells:,}"
        )


def exponents(warehouse: Warehouse) -> list[Exponent]:
    """An exponent for every procedure with three sizes or more that have an exact answer."""
    cells = open_as_bounds(bounded_cells(warehouse))
    grouped = cells.with_columns(
        matched(cells, SIZE, apart=["seed"]), settings=differences(_SETTINGS)
    )
    groups = grouped.group_by("group", maintain_order=True)
    return [_exponent(rows) for _, rows in groups if _exact_sizes(rows) >= FEWEST_SIZES]


def _exact_sizes(rows: pl.DataFrame) -> int:
    bound = pl.col("saturated") | pl.col("below_smallest")
    return rows.filter(~bound)["parameters"].n_unique()


def _exponent(rows: pl.DataFrame) -> Exponent:
    known = rows.filter(pl.any_horizontal(*(end.is_finite() for end in ends("emc50"))))
    low, high = known.select(ends("emc50")).to_numpy().T
    line = CensoredLine(known["parameters"].log().to_numpy(), low, high)
    least, most = line.interval(LEVEL)
    return Exponent(
        **rows.select(_SHARED).row(0, named=True),
        exponent=line.slope,
        low=least,
        high=most,
        r_squared=line.r_squared,
        sizes=known["parameters"].n_unique(),
        cells=len(known),
        bounds=int((low != high).sum()),
    )
