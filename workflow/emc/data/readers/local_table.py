"""A user's own table."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import polars as pl

from emc.data.class_names import is_number
from emc.data.content import Content
from emc.data.file_kinds import foreign_kind
from emc.data.manifest import original_file
from emc.data.originals import Shelf, file_content
from emc.data.raw_table import RawTable
from emc.data.reader import USER_DATA, About, Reader
from emc.data.table_columns import is_index
from emc.data.tables import checked, table_content
from emc.data.text_table import Form, TextRow, TextTable, open_text
from emc.errors import EmcError, FileError, in_one_line
from emc.study.datasets import Columns, Csv, Parquet

_PARQUET: Final = b"PAR1"
_COMMENT: Final = "#"
_SEPARATORS: Final = (";", "\t", "|", ",", " ")
_EXCEL: Final = "sep="
"""How the line begins in which Excel finds the separator."""

_SHOWN: Final = 60


def csv(dataset: Csv, shelf: Shelf) -> Content:
    """A text table with one header line."""

    def read(content: bytes, name: str) -> RawTable:
        form = Form(dataset.separator, dataset.encoding, dataset.comment)
        table = open_text(content, name, form)
        if dataset.label not in table.header:
            _refuse_other_form(dataset, table)
            _refuse_title(dataset, table, next(open_text(content, name, form).records, None))
        notes = _encoding_notes(dataset, content, name)
        return table.read().written(dataset.decimal).noting(*notes)

    return _content(dataset, shelf.find(dataset.file), read)


def parquet(dataset: Parquet, shelf: Shelf) -> Content:
    """A Parquet table."""
    return _content(dataset, shelf.find(dataset.file), _parquet)


def _parquet(content: bytes, name: str) -> RawTable:
    if not content:
        raise EmcError(f"{name}: expected a Parquet table, found an empty file")
    if not content.startswith(_PARQUET):
        kind = foreign_kind(content) or "perhaps a text table: give `name: csv`"
        raise EmcError(
            f"{name}: expected a Parquet table, found {content[:4]!r} at its beginning: {kind}"
        )
    try:
        frame = pl.read_parquet(content)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        raise EmcError(f"{name}: a damaged Parquet table, or two columns of one name") from None
    return RawTable(name, tuple(frame.columns), tuple(frame.get_columns()))


def _content(dataset: Columns, path: Path, read: Callable[[bytes, str], RawTable]) -> Content:
    content = _bytes(path)
    raw = _kept(_named(read(content, str(path))), dataset.exclude)
    numeric = _numeric(dataset, raw)
    if not numeric and not dataset.categorical:
        raise EmcError(f"{path}: no column besides the label {dataset.label!r}")
    table = checked(
        raw,
        label=dataset.label,
        numeric=numeric,
        categorical=dataset.categorical,
        missing=dataset.missing,
    )
    return table_content(table, None, (original_file(path.name, content),))


def _bytes(path: Path) -> bytes:
    """A file's content, uncompressed where it is compressed by gzip."""
    if path.is_dir():
        raise EmcError(f"{path}: expected a file, found a folder")
    if path.exists() and not path.is_file():  # to read a pipe would wait for ever
        raise EmcError(f"{path}: expected a file, found a pipe or device: save what it gives")
    try:
        return file_content(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error.strerror}") from None


def _kept(raw: RawTable, excluded: tuple[str, ...]) -> RawTable:
    """The table without the columns of these names, all of them present."""
    for name in set(excluded) - set(raw.header):
        raw.column(name)
    return raw.without([place for place, name in enumerate(raw.header) if name in excluded])


def _named(raw: RawTable) -> RawTable:
    """Give columns without a name one, and leave out those that are empty or number the rows."""
    unnamed = [place for place, name in enumerate(raw.header) if not name]
    idle = [place for place in unnamed if _is_idle(raw.columns[place])]
    names = [name or f"column {place + 1}" for place, name in enumerate(raw.header)]
    read = [
        f"{raw.name}: {names[place]} has no name: it is read as {names[place]!r}"
        for place in unnamed
        if place not in idle
    ]
    left_out = [
        f"{raw.name}: {names[place]} has no name and is empty or an index: it is left out"
        for place in idle
    ]
    return raw.called(names).without(idle).noting(*read, *left_out)


def _is_idle(column: pl.Series) -> bool:
    if column.dtype == pl.String and (column == "").all():
        return True
    if column.dtype != pl.String and not column.dtype.is_numeric():
        return False
    numbers = column.cast(pl.Float64, strict=False)
    return numbers.null_count() == 0 and is_index(numbers)


def _numeric(dataset: Columns, raw: RawTable) -> tuple[str, ...]:
    """The columns of numbers: those that are named, or all that are nothing else."""
    if dataset.numeric is not None:
        return dataset.numeric
    return tuple(
        name for name in raw.header if name != dataset.label and name not in dataset.categorical
    )


def _encoding_notes(dataset: Csv, content: bytes, name: str) -> list[str]:
    """A note of text that any encoding of one byte per letter takes, but is most likely utf-8."""
    if dataset.encoding == "utf-8" or content.isascii() or b"\0" in content:
        return []
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return []
    read_as = f"its letters are read as {dataset.encoding}, but may be utf-8"
    return [f"{name}: {read_as}: see `encoding`"]


def _refuse_title(dataset: Csv, table: TextTable, below: TextRow | None) -> None:
    """Raise where the record below the first is the header."""
    if below is None or dataset.label not in map(str.strip, below[1]):
        return
    first = in_one_line(dataset.separator.join(table.header))[:_SHOWN]
    raise EmcError(
        f"{table.name}: line {table.line}: expected a header with the column {dataset.label!r},"
        f" found {first!r}: it stands in line {below[0]}: remove what is above it"
    )


def _refuse_other_form(dataset: Csv, table: TextTable) -> None:
    """Raise where another form of the table would have the label's column, or a header."""
    line, start = dataset.separator.join(table.header), f"{table.name}: line {table.line}"
    wanted = f"expected a header with the column {dataset.label!r}"
    found = f"{start}: {wanted}, found {in_one_line(line)[:_SHOWN]!r}"
    if line.startswith(_EXCEL):
        separator = line.removeprefix(_EXCEL)[:1]
        raise EmcError(f"{found}: give `separator: '{separator}'` and `comment: '{_EXCEL}'`")
    if dataset.comment is None and line.startswith(_COMMENT):
        raise EmcError(f"{found}: give `comment: '{_COMMENT}'` if such lines are comments")
    for separator in _SEPARATORS:
        cells = [cell.strip("\"' ") for cell in line.split(separator)]
        # One column alone cannot be inputs and label; one of several words is a title.
        single = len(table.header) == 1 and separator != " "
        parts = dataset.label in cells or (single and len(cells) > 1)
        if separator != dataset.separator and parts:
            shown = '"\\t"' if separator == "\t" else f"'{separator}'"
            raise EmcError(f"{found}: give `separator: {shown}`")
    if any(map(is_number, table.header)):
        raise EmcError(f"{found}: its first line must name the columns")


READERS: Final = {
    "csv": Reader(csv, About("a local table", USER_DATA)),
    "parquet": Reader(parquet, About("a local table", USER_DATA)),
}
