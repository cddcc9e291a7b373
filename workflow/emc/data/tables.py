"""Tables of numbers and categories, and how they become inputs of a net."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

from emc.data.content import Content, Part, Scaling, in_memory
from emc.data.equality import EqualInputs, digests, equal_inputs
from emc.data.holdout import held_out
from emc.data.manifest import OriginalFile
from emc.errors import EmcError

PREPROCESSING: Final = (
    "numbers standardised by the training part (columns of only 0 and 1 unchanged); categories"
    " one column each, those that the training part lacks all zero"
)


@dataclass(frozen=True, slots=True)
class Table:
    """Checked rows: `frame` holds float64 columns `numeric` and text columns `categorical`."""

    frame: pl.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    labels: pl.Series

    def where(self, mask: np.ndarray) -> "Table":
        """The rows that a bool [n] marks."""
        kept = pl.Series(mask)
        return replace(self, frame=self.frame.filter(kept), labels=self.labels.filter(kept))


def checked(
    frame: pl.DataFrame,
    name: str,
    *,
    label: str,
    numeric: Sequence[str],
    categorical: Sequence[str],
) -> Table:
    """Take the columns out of a frame as it was read; text is stripped of spaces.

    Raises:
        EmcError: a column is missing, a number is no finite number, or a category or label is
            empty; the message says in which row of the file `name`, the first being 1.
    """
    for column in (label, *numeric, *categorical):
        if column not in frame.columns:
            known = ", ".join(frame.columns)
            raise EmcError(f"{name}: no column {column!r} (columns: {known})")
    columns = [_numbers(frame[column], name) for column in numeric]
    columns += [_words(frame[column], name) for column in categorical]
    return Table(
        pl.DataFrame(columns), tuple(numeric), tuple(categorical), _words(frame[label], name)
    )


def table_content(train: Table, test: Table | None, files: tuple[OriginalFile, ...]) -> Content:
    """Inputs and labels of a table; a fifth of each class is held out where `test` is None.

    Raises:
        EmcError: the test part has a label that the training part lacks.
    """
    names = _class_names(train.labels)
    original = _original_equal_inputs(train, _codes(train.labels, names))
    official = test is not None
    if test is None:
        mask = held_out(_codes(train.labels, names))
        train, test = train.where(~mask), train.where(mask)
    levels = {column: train.frame[column].unique().sort() for column in train.categorical}
    scaling = _scaling(_features(train, levels))
    parts = [
        Part(_standardised(_features(part, levels), scaling), _codes(part.labels, names))
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
    )


def _numbers(column: pl.Series, name: str) -> pl.Series:
    """A column of finite float64 numbers, without negative zeros."""
    if column.dtype == pl.String:
        numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    elif column.dtype.is_numeric() or column.dtype == pl.Boolean:
        numbers = column.cast(pl.Float64)
    else:
        raise EmcError(f"{name}: column {column.name!r} is of type {column.dtype}, not of numbers")
    bad = (~numbers.is_finite()).fill_null(value=True)
    if bad.any():
        row = bad.arg_true()[0]
        raise EmcError(
            f"{name}: row {row + 1}, column {column.name!r}: found {column[row]!r}, a finite"
            " number is wanted (a column of categories is to be listed under 'categorical')"
        )
    return numbers + 0.0


def _words(column: pl.Series, name: str) -> pl.Series:
    """A column of text that is nowhere empty."""
    if column.dtype.is_nested():
        raise EmcError(f"{name}: column {column.name!r} is of type {column.dtype}, not of words")
    words = column.cast(pl.String).str.strip_chars()
    bad = (words == "").fill_null(value=True)
    if bad.any():
        row = bad.arg_true()[0]
        raise EmcError(
            f"{name}: row {row + 1}, column {column.name!r}: empty; write a word of your own, such"
            " as '?', where a category is unknown, and remove rows without a label"
        )
    return words


def _class_names(labels: pl.Series) -> tuple[str, ...]:
    """Distinct labels, in numerical order if all are whole numbers."""
    names = labels.unique().sort().to_list()
    if all(name.lstrip("-").isdecimal() for name in names):
        names.sort(key=int)
    return tuple(names)


def _codes(labels: pl.Series, names: tuple[str, ...]) -> np.ndarray:
    """Class numbers, int64 [n]."""
    codes = labels.replace_strict(
        list(names), list(range(len(names))), default=None, return_dtype=pl.Int64
    )
    if codes.null_count():
        found = labels.filter(codes.is_null())[0]
        raise EmcError(f"label {found!r} of the test part is not in the training part: {names}")
    return codes.to_numpy()


def _features(table: Table, levels: dict[str, pl.Series]) -> pl.DataFrame:
    """Float64 input columns: the numbers, then a column of 0 and 1 for each category."""
    flags = [
        (pl.col(column) == value).cast(pl.Float64).alias(f"{column}={value}")
        for column, values in levels.items()
        for value in values
    ]
    return table.frame.select(*table.numeric, *flags)


def _scaling(features: pl.DataFrame) -> Scaling:
    """Means and standard deviations; constant columns become zero, flags are left alone."""
    matrix = features.to_numpy()
    shift, scale = matrix.mean(axis=0), matrix.std(axis=0)
    constant = (matrix == matrix[0]).all(axis=0)  # rounding may give them a deviation
    shift[constant], scale[constant] = matrix[0, constant], 1
    flags = ((matrix == 0) | (matrix == 1)).all(axis=0)
    shift[flags], scale[flags] = 0, 1
    return Scaling(tuple(features.columns), shift, scale)


def _standardised(features: pl.DataFrame, scaling: Scaling) -> np.ndarray:
    """Float32 [n, d], computed in float64."""
    matrix = (features.to_numpy() - scaling.shift) / scaling.scale
    return np.ascontiguousarray(matrix, dtype=np.float32)


def _original_equal_inputs(table: Table, labels: np.ndarray) -> EqualInputs:
    """Equal rows before any rounding: numbers beside a number for each word."""
    words = [
        pl.col(column).cast(pl.Categorical).to_physical().cast(pl.Float64)
        for column in table.categorical
    ]
    return equal_inputs(digests(table.frame.select(*table.numeric, *words).to_numpy()), labels)
