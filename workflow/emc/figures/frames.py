"""The rows that figures draw: one row per measured cell, numbers that JSON can hold."""

from typing import Final

import numpy as np
import polars as pl

from emc.findings import FACTORS, SIZE, differences, in_words, matched
from emc.warehouse import Warehouse, once

COMPARED: Final = (
    "architecture",
    "optimizer",
    "activation",
    "initialisation",
    "labels",
    "parameterisation",
)
"""Factors with a figure of their own."""

_COLUMNS: Final = (
    "cell",
    "dataset",
    "labels",
    "label_noise",
    "classes",
    "architecture",
    "parameterisation",
    "width",
    "depth",
    "parameters",
    "activation",
    "initialisation",
    "optimizer",
    "batch",
    "emc50",
    "low",
    "high",
    "emc50_budget",
    "unfitted_decided",
    "saturated",
    "below_smallest",
    "per_parameter",
    "per_trainable",
    "bits_per_parameter",
    "memorised_per_parameter",
    "probes",
    "seconds",
    "gradient_evaluations",
)
"""Columns of the view `emc` that figures of cells use; all share these rows."""


@once
def measured_cells(warehouse: Warehouse) -> pl.DataFrame:
    """Cells with a number at minima; the group of cells that differ in one factor only; means.

    `<factor>_group` is null where no such partner was measured.
    `size_group` is that of cells that differ in size and seed only, `mean_emc50` the geometric mean
    over those of them that have the same size and no bound.
    """
    cells = warehouse.sql("SELECT * FROM emc WHERE emc50 IS NOT NULL")
    found = cells.select(_COLUMNS).with_columns(_partners(cells, factor) for factor in COMPARED)
    exact = ~(pl.col("saturated") | pl.col("below_smallest"))
    mean = pl.when(exact).then(_geometric_mean("emc50").over(_ALIKE))
    grouped = found.with_columns(size_group=matched(cells, SIZE, apart=["seed"]))
    return finite(grouped.with_columns(mean_emc50=mean))


_ALIKE: Final = ("size_group", "parameters", "saturated", "below_smallest")


def _geometric_mean(column: str) -> pl.Expr:
    return pl.col(column).log().mean().exp()


def _partners(cells: pl.DataFrame, factor: str) -> pl.Series:
    groups = matched(cells, FACTORS[factor]).alias(f"{factor}_group")
    compared = cells.select(pl.col(factor).n_unique().over(groups) > 1).to_series()
    return groups.set(~compared, None)


_SOURCE: Final = ("dataset", "labels")
_NET: Final = ("architecture", "parameters")
_SETTINGS: Final = (
    *("classes", "depth", "parameterisation", "activation", "initialisation", "optimizer"),
    *("weight_decay", "loss", "label_smoothing", "schedule", "batch", "seed"),
)


def named(cells: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `emc` with a `name`: net, size, what varies, the id's end if unclear.

    Beyond data, net and size a name tells only what is not so of nearly all cells.
    """
    varied = [column for column in _SOURCE if cells[column].n_unique() > 1]
    first = pl.concat_str([in_words(column) for column in (*varied, *_NET)], separator=", ")
    apart = differences(_SETTINGS)
    name = pl.when(apart == "").then(first).otherwise(first + ", " + apart)
    clear = pl.when(name.is_unique()).then(name)
    return cells.with_columns(name=clear.otherwise(name + " " + pl.col("cell").str.tail(4)))


def cell_counts(cells: pl.DataFrame) -> str:
    """How many cells and probes a figure shows, and how many of them are bounds."""
    text = f"{counted(len(cells), 'cell')}, {counted(int(cells['probes'].sum()), 'probe')}."
    for column, marks, meaning in _BOUNDS:
        if bounds := int(cells[column].sum()):
            text += f" Open triangles {marks} ({bounds:,}) are {meaning}."
    return text


_BOUNDS: Final = (
    ("saturated", "pointing up", "lower bounds: the data ended before the net stopped fitting"),
    ("below_smallest", "pointing down", "upper bounds: not even the smallest n tried was fitted"),
)


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in s: "1 pair", "1,200 pairs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def spread(rows: pl.DataFrame, most: int) -> pl.DataFrame:
    """At most `most` rows, evenly over the order they are in, first and last among them."""
    places = np.linspace(0, len(rows) - 1, min(most, len(rows)))
    return rows.select(pl.all().gather(places.round().astype(int)))


def finite(frame: pl.DataFrame) -> pl.DataFrame:
    """Five significant digits, and null in place of what JSON lacks: infinite and undefined."""
    real = pl.selectors.float()
    return frame.with_columns(
        pl.when(real.is_finite()).then(real.round_sig_figs(5)).otherwise(None).name.keep()
    )
