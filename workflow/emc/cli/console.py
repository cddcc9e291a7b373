"""Where tables are printed, and how counts are worded."""

import sys
from typing import Final

from rich.console import Console

_UNBOUNDED: Final = 100_000


def console() -> Console:
    """A console that prints text as it is; without a terminal nothing is wrapped or cut."""
    width = None if sys.stdout.isatty() else _UNBOUNDED
    return Console(width=width, markup=False, highlight=False)


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in s: "1 cell", "1,200 cells"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
