"""A table as it lies in its file: columns without a meaning yet, and where each row is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Final
from unicodedata import category, normalize

import numpy as np
import polars as pl

from emc.errors import EmcError

_SHOWN: Final = 20
"""Column names that a message lists at most."""


@dataclass(frozen=True)
class RawTable:
    """Rows of a file.

    `columns` are its columns in order; names may repeat. `lines` are the lines of the file in which
    the rows begin, int64 [n], the first being 1; where the file has no lines, rows are counted. A
    number may have `decimal` in place of a point. `notes` are for the user.
    """

    name: str
    header: tuple[str, ...]
    columns: tuple[pl.Series, ...]
    lines: np.ndarray | None = None
    decimal: str = "."
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.columns[0]) if self.columns else 0

    def column(self, name: str) -> pl.Series:
        """The one column of this name.

        Raises:
            EmcError: there is none, or there are several.
        """
        places = self._places.get(name)
        if not places:
            raise EmcError(f"{self.name}: no column {name!r}{self._nearest(name)}")
        if len(places) > 1:
            numbers = ", ".join(str(place + 1) for place in places)
            raise EmcError(
                f"{self.name}: {len(places)} columns have the name {name!r} (number {numbers}):"
                " give each a name of its own, or leave them out by `exclude`"
            )
        return self.columns[places[0]].alias(name)

    def place(self, row: int) -> str:
        """Where in the file a row is, the first being 0."""
        return f"row {row + 1}" if self.lines is None else f"line {self.lines[row]}"

    def where(self, mask: np.ndarray) -> "RawTable":
        """The rows that a bool [n] marks."""
        kept = pl.Series(mask)
        columns = tuple(column.filter(kept) for column in self.columns)
        lines = None if self.lines is None else self.lines[mask]
        return replace(self, columns=columns, lines=lines)

    def without(self, places: Sequence[int]) -> "RawTable":
        """The table without the columns at these places."""
        left_out = set(places)
        kept = [place for place in range(len(self.header)) if place not in left_out]
        return replace(
            self,
            header=tuple(self.header[place] for place in kept),
            columns=tuple(self.columns[place] for place in kept),
        )

    def with_columns(self, *columns: pl.Series) -> "RawTable":
        """The table with these columns, in place of those of the same names."""
        named = dict(zip(self.header, self.columns, strict=True)) | {
            column.name: column for column in columns
        }
        return replace(self, header=tuple(named), columns=tuple(named.values()))

    def written(self, decimal: str) -> "RawTable":
        """The same table with another decimal character."""
        return replace(self, decimal=decimal)

    def called(self, names: Sequence[str]) -> "RawTable":
        """The same table with other names of its columns."""
        return replace(self, header=tuple(names))

    def noting(self, *notes: str) -> "RawTable":
        """The same table with notes for its user."""
        return replace(self, notes=(*self.notes, *notes))

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, name in enumerate(self.header):
            places.setdefault(name, []).append(place)
        return places

    def _nearest(self, name: str) -> str:
        alike = [known for known in self.header if known.casefold() == name.casefold()]
        near = alike or get_close_matches(name, self.header, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        twin = next((known for known in self.header if _plain(known) == _plain(name)), None)
        if twin is not None and twin.casefold() != name.casefold():
            hint = f"; {twin!r} looks like it, but has other characters: {twin!a}"
        if any(known != name and known.strip("'") == name for known in self.header):
            hint = "; single quotes are part of its names: replace them by double ones"
        shown = ", ".join(self.header[:_SHOWN])
        if len(self.header) > _SHOWN:
            shown += f" ... of {len(self.header)}"
        return f"{hint} (columns: {shown})"


def _plain(name: str) -> str:
    """What is seen of a name: letters with their accents, without spaces and what has no width."""
    seen = (letter for letter in normalize("NFKC", name) if category(letter) not in {"Cf", "Zs"})
    return "".join(seen).casefold()
