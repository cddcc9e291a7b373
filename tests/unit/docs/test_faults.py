"""Every row of the table of faults is a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROWS = [
    tuple(entry.strip() for entry in line.strip().strip("|").split(" | "))
    for line in (ROOT / "docs/faults.md").read_text().splitlines()
    if "::test_" in line
]


def test_there_are_rows() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_the_named_test_exists(row: tuple[str, ...]) -> None:
    assert len(row) == 5
    assert all(row)
    file, name = row[-1].split("::")
    text = (ROOT / "tests" / file).read_text()
    assert re.search(rf"^ *def {name}\(", text, flags=re.MULTILINE), f"{file} has no {name}"
