"""What reaches a terminal, a pipe, and the reader of a count."""

import sys

import pytest
from rich.table import Table

from emc.cli.console import counted, show


def test_no_line_is_wrapped_and_no_markup_read_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "[bold]word[/bold] :bug: " * 100
    table = Table("cell", "reason", box=None)
    table.add_row("a", text)
    show(text, table)
    line, head, row = capsys.readouterr().out.splitlines()
    assert line == text.strip()
    assert head.split() == ["cell", "reason"]
    assert row.split(maxsplit=1) == ["a", text.strip()]
    assert head.endswith("reason")


def test_a_terminal_has_its_own_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    show("word " * 20)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 1
    assert all(len(line) <= 40 for line in lines)


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (1200, "1,200 cells")]
)
def test_counts(count: int, words: str) -> None:
    assert counted(count, "cell") == words
