"""How tables are printed, and counts worded."""

import sys
from shutil import get_terminal_size
from typing import Final

from rich.console import Console, RenderableType

_UNBOUNDED: Final = 100_000


def terminal_width() -> int | None:
    """Characters of a line of the terminal; None without one, where nothing is wrapped or cut."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def show(*parts: RenderableType) -> None:
    """Print text as it is, and tables; without a terminal nothing is wrapped or cut."""
    console = Console(
        width=terminal_width() or _UNBOUNDED, markup=False, highlight=False, emoji=False
    )
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    for line in captured.get().removesuffix("\n").split("\n"):
        print(line.rstrip(" "))


def counted(count: int, noun: str) -> str:
    """A count with its noun, whose plural ends in s: "1 cell", "1,200 cells"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
