"""What the columns of a table hold: numbers, words, and the names of classes."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl

from emc.data.class_names import cut, is_number, number_name, stands_for_none
from emc.data.raw_table import RawTable
from emc.errors import EmcError

_MINUS: Final = "\u2212"
_SIGNS: Final = "$€£¥%‰°'_ \u2019\u00a0\u202f" + _MINUS
"""What people write before, within and after numbers."""

_TEXTUAL: Final = (pl.String, pl.Categorical, pl.Enum, pl.Boolean, pl.Null)

_TRUTHS: Final = frozenset({"true", "false"})

_SHOWN: Final = 9
"""Columns that a message names at most."""

_TESTED: Final = 3
"""Rows of a class from which on a fifth of them, rounded, is a test row."""


def numbers_of(raw: RawTable, names: Sequence[str]) -> list[pl.Series]:
    """Columns of finite float64 numbers, without negative zeros; true and false are 1 and 0.

    Raises:
        EmcError: a cell is none; the message names the other columns that have such cells, too.
    """
    columns = [_numbers(raw, raw.column(name)) for name in names]
    bad = {numbers.name: _not_finite(numbers) for numbers in columns}
    bad_columns = [name for name, cells in bad.items() if cells.any()]
    if bad_columns:
        more = bad_columns[1:_SHOWN]
        named = f"column{'s' * (len(more) > 1)} {', '.join(map(repr, more))}"
        others = f"; so in {named}" if more else ""
        raise EmcError(_no_number(raw, raw.column(bad_columns[0]), bad[bad_columns[0]]) + others)
    return [numbers + 0.0 for numbers in columns]


def _no_number(raw: RawTable, column: pl.Series, bad: np.ndarray) -> str:
    """What to say of the first bad cell: what helps hangs on how many there are."""
    row = int(bad.argmax())
    found = column[row]
    empty = bool(is_missing(column, ())[row])
    text = "an empty cell" if empty else cut(found)
    start = f"{raw.name}: {raw.place(row)}, column {column.name!r}: expected a finite number"
    commas = isinstance(found, str) and "," in found and is_number(found.replace(",", ".", 1))
    signs = _signs(found, raw.decimal) if isinstance(found, str) else ""
    if is_missing(column, ()).all():
        remedy = f"the whole column is empty: leave it out by `exclude: {[column.name]}`"
    elif raw.decimal == "." and commas:
        remedy = "give `decimal: ','` if this is a decimal comma, or remove thousands separators"
    elif raw.decimal != "." and isinstance(found, str) and is_number(found):
        remedy = f"`decimal` is {raw.decimal!r} here: remove it, or the point"
    elif _MINUS in signs:
        remedy = f"write '-' for {_MINUS!r}"
    elif signs:
        remedy = f"write plain numbers, without {signs}"
    elif isinstance(found, float) and not empty:
        remedy = "replace it, or remove the row"
    elif 2 * bad.sum() < len(bad):
        missing = "[]" if empty else f"[{text}]"
        remedy = f"correct it, or leave out such rows by `missing: {missing}`"
    else:
        remedy = f"list {column.name!r} under `categorical`, or leave it out by `exclude`"
    return f"{start}, found {text}: {remedy}"


def _signs(text: str, decimal: str) -> str:
    """The signs without which a text is a number, quoted; none where other letters are in it."""
    thousands = "." if decimal == "," and text.count(".") else ""
    signs = [sign for sign in dict.fromkeys(text) if sign in _SIGNS + thousands]
    plain = text.translate({ord(sign): None for sign in signs})
    if not is_number(plain.replace(decimal, ".")):
        return ""
    return " and ".join(repr(sign) for sign in signs)


def words_of(raw: RawTable, name: str) -> pl.Series:
    """A column of text that is nowhere empty.

    Raises:
        EmcError: it is, or its type is none of words, numbers and truth values.
    """
    column = _wordy(raw, name)
    _refuse_empty(
        raw,
        column,
        "empty; write a word of your own, such as '?', where a category is unknown, or leave out"
        " rows with empty cells by `missing: []`",
    )
    return _text(column)


def labels_of(raw: RawTable, name: str) -> pl.Series:
    """The column of labels, each class spelled in one way: 1, 1.0 and 01 are 1, TRUE is true.

    Raises:
        EmcError: a label is empty or stands for a missing value, each row has its own, they are
            numbers with decimals of which one has too few rows to be a class, or truth values and
            0 and 1.
    """
    column = _wordy(raw, name)
    _refuse_empty(
        raw,
        column,
        "expected a label, found an empty cell: remove such rows, or leave them out by"
        " `missing: []`",
    )
    words = _text(column)
    _refuse_absent(raw, words)
    spelled = _spelled(words.unique().to_list(), raw.decimal)
    labels = words.replace_strict(list(spelled), list(spelled.values()), return_dtype=pl.String)
    _refuse_truth_in_two_ways(labels, raw.name)
    _refuse_measurements(labels, raw.name)
    return labels


def _wordy(raw: RawTable, name: str) -> pl.Series:
    """A column whose entries can be words."""
    column = raw.column(name)
    if not isinstance(column.dtype, _TEXTUAL) and not column.dtype.is_numeric():
        raise EmcError(
            f"{raw.name}: column {name!r}: expected words, found the type {column.dtype}: write it"
            " as text or whole numbers, or name another column"
        )
    return column


def _text(column: pl.Series) -> pl.Series:
    return column.cast(pl.String).str.strip_chars()


def _refuse_empty(raw: RawTable, column: pl.Series, told: str) -> None:
    empty = is_missing(column, ())
    if empty.any():
        place = raw.place(int(empty.argmax()))
        raise EmcError(f"{raw.name}: {place}, column {column.name!r}: {told}")


def _refuse_absent(raw: RawTable, words: pl.Series) -> None:
    """Raise for a label that stands for a missing one."""
    absent = list(filter(stands_for_none, words.unique().to_list()))
    if absent:
        row = int(words.is_in(absent).to_numpy().argmax())
        raise EmcError(
            f"{raw.name}: {raw.place(row)}, column {words.name!r}: found {words[row]!r}, which"
            " stands for a missing label: remove such rows, or leave them out by"
            f" `missing: {[words[row]]}`"
        )


def class_names(labels: pl.Series) -> tuple[str, ...]:
    """Distinct labels, in numerical order if all are numbers."""
    names = labels.unique().sort().to_list()
    if all(map(is_number, names)):
        names.sort(key=Fraction)
    return tuple(names)


def without_missing(raw: RawTable, names: Sequence[str], words: Sequence[str]) -> RawTable:
    """The rows in which each of the columns has a value; a note says how many have not."""
    absent = {name: is_missing(raw.column(name), words, raw.decimal) for name in names}
    kept = ~np.any([*absent.values()], axis=0)
    if kept.all():
        return raw
    if not kept.any():
        empty = [name for name in names if absent[name].all()]
        told = f": column {empty[0]!r} has none: leave it out by `exclude: {empty[:1]}`"
        raise EmcError(
            f"{raw.name}: no row has a value in each column that is used"
            f"{told if empty else ': see `missing`'}"
        )
    count = int((~kept).sum())
    note = f"{raw.name}: {count} of {len(raw)} rows left out by `missing`"
    return raw.where(kept).noting(note)


def is_missing(column: pl.Series, words: Sequence[str], decimal: str = ".") -> np.ndarray:
    """Which cells are empty, NaN or one of the words, bool [n]; -9 is -9.0, in a text table too."""
    absent = column.is_null()
    meant = [float(word) for word in words if is_number(word)]
    if column.dtype.is_numeric():
        numbers = column.cast(pl.Float64)
        absent |= (numbers.is_nan() | numbers.is_in(meant)).fill_null(value=True)
    elif column.dtype != pl.Null:
        text = column.cast(pl.String).str.strip_chars()
        absent |= text.is_in(["", *words]).fill_null(value=True)
        if meant:
            absent |= _as_numbers(text, decimal).is_in(meant).fill_null(value=False)
    return absent.to_numpy()


def is_index(numbers: pl.Series) -> bool:
    """Whether these are different whole numbers, as of rows in any order or a part of them."""
    values = numbers.to_numpy()
    whole = np.isfinite(values) & (values == np.round(values)) & (values >= 0)
    return len(values) > 2 and bool(whole.all()) and len(np.unique(values)) == len(values)


def _numbers(raw: RawTable, column: pl.Series) -> pl.Series:
    """Float64, NaN where a text is no number."""
    if column.dtype == pl.String:
        return _parsed(column, raw.decimal)
    if column.dtype.is_numeric() or column.dtype in (pl.Boolean, pl.Null):
        return column.cast(pl.Float64)
    remedy = (
        "list it under `categorical`" if isinstance(column.dtype, _TEXTUAL) else "write numbers"
    )
    raise EmcError(
        f"{raw.name}: column {column.name!r}: expected numbers, found the type {column.dtype}:"
        f" {remedy}, or leave it out by `exclude: {[column.name]}`"
    )


def _parsed(column: pl.Series, decimal: str) -> pl.Series:
    """Text as numbers; of a column of nothing but true and false, 1 and 0."""
    if decimal == ".":
        numbers = column.cast(pl.Float64, strict=False)
        if not numbers.null_count():
            return numbers
    text = column.str.strip_chars()
    if text.str.to_lowercase().is_in(list(_TRUTHS)).all():
        return (text.str.to_lowercase() == "true").cast(pl.Float64)
    return _as_numbers(text, decimal)


def _as_numbers(text: pl.Series, decimal: str) -> pl.Series:
    """Float64, null where a text is no number."""
    if decimal != ".":
        text = text.str.replace(".", "_", literal=True).str.replace(decimal, ".", literal=True)
    return text.cast(pl.Float64, strict=False)


def _not_finite(numbers: pl.Series) -> np.ndarray:
    """Which are NaN, infinite or absent, bool [n]."""
    finite: np.ndarray = np.isfinite(numbers.to_numpy())
    return ~finite


def _spelled(words: Iterable[str], decimal: str) -> dict[str, str]:
    """The class of each label: if all are numbers, or all truth values, equal ones share one."""
    points = {word: word.replace(decimal, ".", 1) for word in words}
    if {word.lower() for word in points} <= _TRUTHS:
        return {word: word.lower() for word in points}
    if all(map(is_number, points.values())):
        return {word: number_name(text) for word, text in points.items()}
    return {word: word for word in points}


def _refuse_truth_in_two_ways(labels: pl.Series, name: str) -> None:
    """Raise where some truth values are written as numbers: they would be classes of their own."""
    found = sorted(labels.unique().to_list())
    truths = [word for word in found if word.lower() in _TRUTHS]
    numbers = [word for word in found if word in {"0", "1"}]
    if truths and numbers and len(truths) + len(numbers) == len(found):
        raise EmcError(
            f"{name}: column {labels.name!r}: expected truth values or numbers, found both"
            f" {numbers[0]!r} and {truths[0]!r}: write each class in one way"
        )


def _refuse_measurements(labels: pl.Series, name: str) -> None:
    """Raise where labels are no classes: one value per row, or decimals that seldom come again."""
    counts = labels.value_counts()
    distinct, rows = len(counts), len(labels)
    advice = "name a column of classes, or write classes of your own into the file"
    if distinct == rows > 1:
        raise EmcError(
            f"{name}: column {labels.name!r}: each of {rows} rows has a label of its own, such as"
            f" {cut(labels[0])}: {advice}"
        )
    rare = sorted(
        label
        for label, rows_of_it in counts.iter_rows()
        if rows_of_it < _TESTED and _has_decimals(label)
    )
    if rare:
        raise EmcError(
            f"{name}: column {labels.name!r}: found {distinct} different numbers as labels,"
            f" {len(rare)} of them with decimals and in fewer than {_TESTED} rows, such as"
            f" {rare[0]}: these look like measurements: {advice}, such as"
            " 'low' and 'high'"
        )


def _has_decimals(label: str) -> bool:
    return is_number(label) and Fraction(label).denominator != 1
