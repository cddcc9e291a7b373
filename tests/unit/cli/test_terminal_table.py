"""Answers to questions fit the terminal."""

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from emc.cli.terminal_table import terminal_table

MANY = pl.DataFrame(
    {"definition": ["x" * 70] * 60, "cell": ["mnist-5k-random-mlp4-relu-sgd"] * 60}
    | {f"c{number}": range(60) for number in range(20)}
    | {"emc50": [123.4] * 60, "low": [99.5] * 60, "high": [None] * 60}
)


def test_what_fits_is_one_table() -> None:
    answer = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert terminal_table(answer, 80) == terminal_table(answer, None)
    assert "null" in terminal_table(answer, 80)


def test_columns_that_matter_come_first_and_the_others_are_told() -> None:
    text = terminal_table(MANY, 80)
    assert max(map(len, text.splitlines())) <= 80
    header = text.splitlines()[1]
    assert [word for word in header.split() if word.isalnum()] == [
        *("cell", "emc50", "low", "high", "c0", "c1", "c2", "c3"),
    ]
    told = " ".join(text.splitlines()[-3:])
    assert "17 columns do not fit: definition, c4, c5," in told
    assert told.endswith("c19; --csv and --json print all")


def test_without_a_terminal_all_columns_are_one_table() -> None:
    assert all(name in terminal_table(MANY, None).splitlines()[1] for name in MANY.columns)


def test_one_row_is_a_block() -> None:
    lines = terminal_table(MANY.head(1), 40).splitlines()
    assert lines[0] == "definition  " + "x" * 28
    assert lines[1] == " " * 12 + "x" * 28
    assert lines[-1] == "high        null"
    assert len(lines) == MANY.width + 3


def test_few_rows_are_blocks_with_an_empty_line_between() -> None:
    lines = terminal_table(MANY.select("cell", "definition", "emc50").head(2), 80).splitlines()
    block = [f"cell        {MANY['cell'][0]}", f"definition  {'x' * 68}", f"{' ' * 12}xx"]
    assert lines == [*block, "emc50       123.4", "", *block, "emc50       123.4"]


@given(
    rows=st.integers(0, 30),
    columns=st.integers(1, 30),
    width=st.integers(30, 200),
    text=st.text("ab c\n", max_size=300),
)
def test_no_line_is_longer_than_the_terminal(
    rows: int, columns: int, width: int, text: str
) -> None:
    answer = pl.DataFrame({f"column {number}": [text] * rows for number in range(columns)})
    assert max(map(len, terminal_table(answer, width).splitlines()), default=0) <= width
