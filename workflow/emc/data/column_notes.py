"""What the user of a table is told of its columns, which are taken as they are."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import polars as pl

from emc.data.class_names import likeness_notes
from emc.data.raw_table import RawTable
from emc.data.table_columns import is_index

_SHOWN: Final = 9
"""Columns that a note names at most."""


def column_notes(
    raw: RawTable, numbers: Sequence[pl.Series], words: Sequence[pl.Series], labels: pl.Series
) -> list[str]:
    """Notes of columns of numbers, of columns of categories, and of both."""
    return [
        *_index_notes(raw, numbers),
        *_rounding_notes(raw, numbers),
        *_name_notes(raw, words),
        *_spelling_notes(raw, words),
        *_constant_notes(raw, [*numbers, *words]),
        *_telling_notes(raw, [*numbers, *words], labels),
    ]


def _rounding_notes(raw: RawTable, columns: Iterable[pl.Series]) -> list[str]:
    """A note of each column of numbers whose different entries become less than half as many.

    Inputs are float32 and standardised: one huge number makes all others equal.
    """
    notes = []
    for column in columns:
        values = column.to_numpy()
        entries, left = raw.column(column.name).n_unique(), _distinct_inputs(values)
        if 2 * left < entries:
            notes.append(
                f"{raw.name}: column {column.name!r}: of {entries} different entries {left} remain"
                f" as float32 inputs: numbers from {values.min():g} to {values.max():g}"
            )
    return notes


def _index_notes(raw: RawTable, columns: Iterable[pl.Series]) -> list[str]:
    """A note of each column of numbers that only counts the rows."""
    return [
        f"{raw.name}: column {column.name!r} counts the rows: if it is an index and no input, leave"
        f" it out by `exclude: {[column.name]}`"
        for column in columns
        if _counts_rows(column)
    ]


def _name_notes(raw: RawTable, columns: Iterable[pl.Series]) -> list[str]:
    """A note of each column of categories that has another one in each row."""
    return [
        f"{raw.name}: column {column.name!r}: each of {len(column)} rows has a category of its own:"
        f" if these are names of the rows and no input, leave it out by `exclude: {[column.name]}`"
        for column in columns
        if len(column) > 2 and column.n_unique() == len(column)
    ]


def _constant_notes(raw: RawTable, columns: Iterable[pl.Series]) -> list[str]:
    """A note of columns with one value in all rows: their weights are never trained."""
    names = [column.name for column in columns if column.n_unique() == 1 < len(column)]
    if not names:
        return []
    which = "column" if len(names) == 1 else f"{len(names)} columns"
    more = " ..." if len(names) > _SHOWN else ""
    return [
        f"{raw.name}: {which} with one value in all {len(raw)} rows, which tells nothing: leave out"
        f" by `exclude: {names[:_SHOWN]}`{more}"
    ]


def _telling_notes(raw: RawTable, columns: Iterable[pl.Series], labels: pl.Series) -> list[str]:
    """A note of each column that has one value for each class, and another for each other."""
    classes = labels.n_unique()
    return [
        f"{raw.name}: column {column.name!r} tells the label {labels.name!r} of every row: leave it"
        f" out by `exclude: {[column.name]}` if it is the label in other words"
        for column in columns
        if column.n_unique() == classes > 1
        and pl.DataFrame([column.alias("one"), labels.alias("other")]).n_unique() == classes
    ]


def _spelling_notes(raw: RawTable, columns: Iterable[pl.Series]) -> list[str]:
    """A note of categories that look alike: each has an input of its own."""
    return [
        note
        for column in columns
        for note in likeness_notes(
            f"{raw.name}: column {column.name!r}", column.unique().sort().to_list(), "categories"
        )
    ]


def _counts_rows(numbers: pl.Series) -> bool:
    """Whether these are 0, 1, 2 ... or 1, 2, 3 ... in any order."""
    values = numbers.to_numpy()
    return is_index(numbers) and bool(values.min() <= 1 and np.ptp(values) == len(values) - 1)


def _distinct_inputs(values: np.ndarray) -> int:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        standardised = (values - values.mean()) / values.std()
        return len(np.unique(standardised.astype(np.float32)))
