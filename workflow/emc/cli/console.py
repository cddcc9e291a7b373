"""How tables are printed, and counts worded."""

import sys
from typing import Final

from rich.console import Console, RenderableType

_UNBOUNDED: Final = 100_000


def show(*parts: RenderableType) -> None:
    """Print text as it is, and tables; without a terminal nothing is wrapped or cut."""
    width = None if sys.stdout.isatty() else _UNBOUNDED
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    for line in captured.get().removesuffix("\n").split("\n"):
        print(line.rstrip(" "))


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in s: "1 cell", "1,200 cells"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
