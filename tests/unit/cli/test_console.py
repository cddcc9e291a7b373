"""What reaches a terminal, a pipe, and the reader of a count."""

import pytest

from emc.cli.console import console, counted


def test_no_line_is_wrapped_and_no_bracket_read_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "[bold]word[/bold] " * 100
    console().print(text)
    assert capsys.readouterr().out == f"{text}\n"


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 cells"), (1, "1 cell"), (2, "2 cells"), (1200, "1,200 cells")]
)
def test_counts(count: int, words: str) -> None:
    assert counted(count, "cell") == words
