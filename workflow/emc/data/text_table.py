"""Text tables: bytes become columns of text, each row with its line in the file."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from emc.data.file_kinds import foreign_kind
from emc.data.raw_table import RawTable
from emc.errors import EmcError

_CELLS: Final = 1 << 20
"""Cells that are Python objects at a time: what bounds the memory."""

_BEGINNINGS: Final = {  # those of UTF-32 begin with those of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MARK: Final = "\ufeff"
_COMMENT: Final = "#"


class Form(NamedTuple):
    """How a text table is written; lines that begin with `comment` are none of it."""

    separator: str
    encoding: str = "utf-8"
    comment: str | None = None


TextRow = tuple[int, list[str]]
"""The line in which a record begins, the first being 1, and its cells."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """A text table of which the header is read, in the line `line`, and rows are to follow."""

    name: str
    separator: str
    header: tuple[str, ...]
    line: int
    records: Iterator[TextRow]

    def read(self) -> RawTable:
        """All rows.

        Raises:
            EmcError: there is none, a quote is not closed, or a row has more or fewer cells than
                the header.
        """
        frames, lines = [], []
        for block in _blocks(self.records, len(self.header)):
            frames.append(_frame(block, self))
            lines += [line for line, _ in block]
        if not frames:
            raise EmcError(f"{self.name}: no rows: nothing follows the header in line {self.line}")
        columns = pl.concat(frames).get_columns()
        return RawTable(self.name, self.header, tuple(columns), np.array(lines))


def open_text(
    content: bytes, name: str, form: Form, header: Sequence[str] | None = None
) -> TextTable:
    """Open the text table of a file `name`; its first line is the header unless one is given.

    Empty lines are left out, and so are empty cells beyond the header. Cells are without spaces at
    their ends; an empty one is "".

    Raises:
        EmcError: the bytes are no text of the encoding, or there is no header.
    """
    records = _records(_text(content, name, form), name, form.separator)
    line = 0
    if header is None:
        line, named = next(records, (0, []))
        header = [cell.strip() for cell in named]
    if not header:
        raise EmcError(f"{name}: empty: expected a header line with the names of columns")
    return TextTable(name, form.separator, tuple(header), line, records)


def _text(content: bytes, name: str, form: Form) -> str:
    """The file as text with lines that end with a line feed; comments become empty lines."""
    text = _decoded(content, name, form.encoding).replace("\r\n", "\n").replace("\r", "\n")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise EmcError(
            f"{name}: line {line}: a NUL character: damaged, no text, or of another encoding, such"
            " as `encoding: utf-16`"
        )
    if form.comment is not None:
        text = re.sub(rf"(?m)^{re.escape(form.comment)}[^\n]*", "", text)
    return text


def _decoded(content: bytes, name: str, encoding: str) -> str:
    if kind := foreign_kind(content):
        raise EmcError(f"{name}: no text table, but {kind}")
    for beginning, other in _BEGINNINGS.items():
        if encoding == "utf-8" and content.startswith(beginning):
            raise EmcError(f"{name}: line 1: it begins as {other}: give `encoding: {other}`")
    try:
        return content.decode(encoding).lstrip(_MARK)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise EmcError(
            f"{name}: line {line}: byte 0x{byte:02x} is no text in {encoding}: give the encoding"
            " that the file was written in, such as `encoding: cp1252` (Windows) or `latin-1`"
        ) from None
    except UnicodeError as error:
        raise EmcError(f"{name}: no text in {encoding}: {error}; give another `encoding`") from None


def _records(text: str, name: str, separator: str) -> Iterator[TextRow]:
    """Records that are not empty."""
    reader = csv.reader(
        io.StringIO(text, newline="\n"), delimiter=separator, skipinitialspace=True, strict=True
    )
    line = 1
    try:
        for cells in reader:
            if _holds_something(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise EmcError(f"{name}: line {line}: {_fault(str(error), separator)}") from None


def _holds_something(cells: list[str]) -> bool:
    return any(map(str.strip, cells))


def _fault(said: str, separator: str) -> str:
    """What is wrong with a record, by the words of the module csv."""
    if "expected after" in said:
        return f"expected the separator {separator!r} or the line's end after a closing quote (\")"
    return (
        'a quote (") that opens a cell is not closed, or the cell has more than'
        f" {csv.field_size_limit():,} characters"
    )


def _blocks(records: Iterator[TextRow], width: int) -> Iterator[list[TextRow]]:
    block: list[TextRow] = []
    for record in records:
        block.append(record)
        if len(block) * width >= _CELLS:
            yield block
            block = []
    if block:
        yield block


def _frame(block: list[TextRow], table: TextTable) -> pl.DataFrame:
    """Columns of text without spaces at their ends, named by their numbers."""
    width = len(table.header)
    for line, cells in block:
        if len(cells) < width or _holds_something(cells[width:]):
            raise EmcError(
                f"{table.name}: line {line}: expected {width} cells as in the header, found"
                f" {len(cells)}: {_remedy(cells, table.separator)}"
            )
        del cells[width:]
    columns = zip(*(cells for _, cells in block), strict=True)
    texts = (pl.Series(column, dtype=pl.String).str.strip_chars() for column in columns)
    return pl.DataFrame({str(place): text for place, text in enumerate(texts)})


def _remedy(cells: list[str], separator: str) -> str:
    if cells[0].startswith(_COMMENT):
        return f"give `comment: '{_COMMENT}'` if such lines are comments"
    return f"quote cells that hold the separator {separator!r}, or give another `separator`"
