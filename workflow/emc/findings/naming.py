"""What sets cells apart, in words."""

from collections.abc import Sequence
from typing import Final

import polars as pl

USUAL: Final = 0.75
"""Share of the cells from which on a level goes without saying."""

_WORDS: Final = {
    "parameters": "{} parameters",
    "classes": "{} classes",
    "depth": "depth {}",
    "label_noise": "{} of the labels noise",
    "batch": "batches of {}",
    "weight_decay": "weight decay {}",
    "label_smoothing": "label smoothing {}",
    "seed": "seed {}",
}


def in_words(column: str) -> pl.Expr:
    """The levels of a column of the view `emc`, numbers with what they are; null where unknown."""
    level = pl.col(column).cast(pl.String).str.strip_suffix(".0")
    return pl.format(_WORDS.get(column, "{}"), level)


def differences(columns: Sequence[str]) -> pl.Expr:
    """Of each cell, in words, the levels that not nearly all cells share; "" if there are none."""
    told = [
        pl.when(pl.len().over(column) < USUAL * pl.len()).then(in_words(column))
        for column in columns
    ]
    return pl.concat_str(told, separator=", ", ignore_nulls=True)
