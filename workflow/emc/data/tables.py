"""Tables of numbers and categories, and how they become inputs of a net."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from emc.data.class_names import likeness_notes
from emc.data.column_notes import column_notes
from emc.data.content import Content, Part, Scaling, in_memory
from emc.data.equality import EqualInputs, digests, equal_inputs
from emc.data.holdout import held_out
from emc.data.manifest import OriginalFile
from emc.data.raw_table import RawTable
from emc.data.table_columns import (
    class_names,
    labels_of,
    numbers_of,
    without_missing,
    words_of,
)
from emc.errors import EmcError

PREPROCESSING: Final = (
    "numbers standardised by the training part (columns of only 0 and 1 unchanged); categories"
    " one column each, those that the training part lacks all zero"
)


@dataclass(frozen=True, slots=True)
class TypedTable:
    """Checked rows: `frame` holds float64 columns `numeric` and text columns `categorical`.

    `name` is the file's; `notes` are for its user.
    """

    name: str
    frame: pl.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    labels: pl.Series
    notes: tuple[str, ...] = ()

    def where(self, mask: np.ndarray) -> "TypedTable":
        """The rows that a bool [n] marks."""
        kept = pl.Series(mask)
        return replace(self, frame=self.frame.filter(kept), labels=self.labels.filter(kept))


def checked(
    raw: RawTable,
    *,
    label: str,
    numeric: Sequence[str],
    categorical: Sequence[str],
    missing: Sequence[str] | None = None,
) -> TypedTable:
    """Take columns out of a table as it was read; text is stripped of spaces.

    With `missing`, rows are left out in which one of these columns is empty or has one of these
    words.

    Raises:
        EmcError: a column is missing, a number is no finite number, or a category or label is
            empty; the message says in which row.
    """
    if missing is not None:
        raw = without_missing(raw, (label, *numeric, *categorical), missing)
    if not len(raw):
        raise EmcError(f"{raw.name}: no rows")
    labels = labels_of(raw, label)
    numbers = numbers_of(raw, numeric)
    words = [words_of(raw, column) for column in categorical]
    return TypedTable(
        name=raw.name,
        frame=pl.DataFrame([*numbers, *words]),
        numeric=tuple(numeric),
        categorical=tuple(categorical),
        labels=labels,
        notes=(*raw.notes, *column_notes(raw, numbers, words, labels)),
    )


def table_content(
    train: TypedTable, test: TypedTable | None, files: tuple[OriginalFile, ...]
) -> Content:
    """Inputs and labels of a table; a fifth of each class is held out where `test` is None.

    Raises:
        EmcError: the test part has a label that the training part lacks, or numbers are too large
            or too small to be standardised.
    """
    names = class_names(train.labels)
    original = _original_equal_inputs(train, _codes(train, names))
    official = test is not None
    if test is None:
        mask = held_out(_codes(train, names))
        train, test = train.where(~mask), train.where(mask)
    levels = {column: train.frame[column].unique().sort() for column in train.categorical}
    scaling = _scaling(_features(train, levels), train.name)
    parts = [
        Part(_standardised(_features(part, levels), scaling, part.name), _codes(part, names))
        for part in (train, test)
    ]
    return Content(
        tensors=in_memory(*parts),
        class_names=names,
        held_out=not official,
        preprocessing=PREPROCESSING,
        files=files,
        scaling=scaling,
        original_equal_inputs=original,
        notes=(*train.notes, *likeness_notes(train.name, names)),
    )


def _codes(table: TypedTable, names: tuple[str, ...]) -> np.ndarray:
    """Class numbers, int64 [n]."""
    codes = table.labels.replace_strict(
        list(names), list(range(len(names))), default=None, return_dtype=pl.Int64
    )
    if codes.null_count():
        found = table.labels.filter(codes.is_null())[0]
        raise EmcError(
            f"{table.name}: label {found!r} of the test part is not in the training part: {names}"
        )
    return codes.to_numpy()


def _features(table: TypedTable, levels: dict[str, pl.Series]) -> pl.DataFrame:
    """Float64 input columns: the numbers, then a column of 0 and 1 for each category."""
    flags = [
        (pl.col(column) == value).cast(pl.Float64).alias(f"{column}={value}")
        for column, values in levels.items()
        for value in values
    ]
    return table.frame.select(*table.numeric, *flags)


def _scaling(features: pl.DataFrame, name: str) -> Scaling:
    """Means and standard deviations; constant columns become zero, flags are left alone."""
    matrix = features.to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        shift, scale = matrix.mean(axis=0), matrix.std(axis=0)
    constant = (matrix == matrix[0]).all(axis=0)  # rounding may give them a deviation
    shift[constant], scale[constant] = matrix[0, constant], 1
    flags = ((matrix == 0) | (matrix == 1)).all(axis=0)
    shift[flags], scale[flags] = 0, 1
    _refuse_extreme(features, np.isfinite(scale) & (scale > 0), name)
    return Scaling(tuple(features.columns), shift, scale)


def _standardised(features: pl.DataFrame, scaling: Scaling, name: str) -> np.ndarray:
    """Float32 [n, d], computed in float64."""
    with np.errstate(over="ignore"):
        matrix = (features.to_numpy() - scaling.shift) / scaling.scale
        exact = np.ascontiguousarray(matrix, dtype=np.float32)
    _refuse_extreme(features, np.atleast_1d(np.isfinite(exact).all(axis=0)), name)
    return exact


def _refuse_extreme(features: pl.DataFrame, usable: np.ndarray, name: str) -> None:
    """Raise for the first column that cannot be standardised."""
    for place in np.flatnonzero(~usable)[:1]:
        column = features.columns[place]
        values = features[column].to_numpy()
        raise EmcError(
            f"{name}: column {column!r}: numbers from {values.min():g} to {values.max():g} are too"
            " large, or differ by too little, for a standard deviation in float64: rescale the"
            f" column, or leave it out by `exclude: {[column]}`"
        )


def _original_equal_inputs(table: TypedTable, labels: np.ndarray) -> EqualInputs:
    """Equal rows before any rounding: numbers beside a number for each word."""
    words = [
        pl.col(column).cast(pl.Categorical).to_physical().cast(pl.Float64)
        for column in table.categorical
    ]
    return equal_inputs(digests(table.frame.select(*table.numeric, *words).to_numpy()), labels)
