"""The answer to a question as text that fits a terminal."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any, Final

import polars as pl

_FIRST: Final[tuple[str, ...]] = (
    *("cell", "emc50", "low", "high", "parameters", "per_parameter", "emc50_budget", "status"),
    *("dataset", "labels", "architecture", "optimizer", "activation", "n", "lr", "outcome"),
)
"""Columns that matter most, where not all of an answer's fit."""

_LONGEST: Final = 80
"""Characters of a text in a table."""

_UNBOUNDED: Final = 60_000
"""Characters of a line; polars counts them in 16 bits."""

_LINES: Final = 50
"""Lines that rows may take as blocks, if there is more than one row."""


def terminal_table(answer: pl.DataFrame, width: int | None) -> str:
    """A table, or one block per row where few rows are too wide for one.

    Of many rows that are too wide, the columns that matter most are a table; the others are named
    below it. With `width` None there is no end of a line: all is one table.
    """
    if width is None:
        return _table(answer, _LONGEST)
    longest = min(_LONGEST, max(width - 4, 1))
    table = _table(answer, longest)
    if len(table.partition("\n")[0]) <= width:
        return table
    if len(answer) == 1 or len(answer) * (answer.width + 1) <= _LINES:
        return "\n\n".join("\n".join(_block(row, width)) for row in answer.iter_rows(named=True))
    shown = _columns_that_fit(answer, width, longest)
    others = [name for name in answer.columns if name not in shown]
    told = f"{len(others)} columns do not fit: {', '.join(others)}; --csv and --json print all"
    return "\n".join((_table(answer.select(shown), longest), *wrap(told, width)))


def _table(answer: pl.DataFrame, longest: int) -> str:
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        fmt_str_lengths=longest,
        tbl_hide_dataframe_shape=True,
        tbl_width_chars=_UNBOUNDED,
    ):
        return str(answer)


def _columns_that_fit(answer: pl.DataFrame, width: int, longest: int) -> list[str]:
    """The most important ones first, whatever is too wide left out; one at least."""
    ordered = [name for name in _FIRST if name in answer.columns]
    ordered += [name for name in answer.columns if name not in ordered]
    shown, left = [], width - 1  # a table has a line before each column and one after the last
    for name in ordered:
        needed = len(_table(answer.select(name), longest).partition("\n")[0]) - 1
        if needed <= left:
            shown.append(name)
            left -= needed
    return shown or ordered[:1]


def _block(row: dict[str, Any], width: int) -> Iterator[str]:
    """One line per column, its value wrapped."""
    indent = 2 + max(map(len, row))
    for name, value in row.items():
        text = "null" if value is None else str(value)
        lines = wrap(text, max(width - indent, 10), break_on_hyphens=False) or [""]
        yield f"{name:<{indent}}{lines[0]}".rstrip()
        for line in lines[1:]:
            yield " " * indent + line
