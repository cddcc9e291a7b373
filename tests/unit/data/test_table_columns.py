"""What columns of a table mean: numbers, categories, what is missing, what is told."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.unit.data.made_tables import BASE, ROWS, frame, read, read_parquet, taken, written

from emc.data import open_samples
from emc.errors import EmcError


def test_rows_with_missing_cells_are_left_out_if_their_columns_are_used(tmp_path: Path) -> None:
    a, b = list(BASE["a"]), list(BASE["b"])
    a[3], b[5], a[6] = "?", "", "-99.0"
    text = written(a=a, b=b, note=["", *"x" * (ROWS - 1)])
    keys = {"missing": ["?", -99], "exclude": ["note"]}
    with pytest.raises(
        EmcError,
        match=r"line 5, column 'a': .*found '\?': correct it, or .* by `missing: \['\?'\]`",
    ):
        read(tmp_path, text, exclude=["note"])
    manifest = read(tmp_path, text, **keys)
    assert manifest.samples + manifest.test_samples == ROWS - 3
    manifest = read_parquet(
        tmp_path, frame(a=[-99.0, *range(1, ROWS)], b=[None, *range(1, ROWS)]), missing=[-99]
    )
    assert manifest.samples + manifest.test_samples == ROWS - 1
    with pytest.raises(EmcError, match=r"no row has a value in each column that is used"):
        read(tmp_path, written(b=["?"] * ROWS), missing=["?"])


def test_a_number_that_stands_for_a_missing_one_may_be_written_otherwise(tmp_path: Path) -> None:
    """What is left in is what Python's numbers are not equal to."""
    cells = ["-99", "-99.0", "-9.9e1", " -99.00", "-99.1", "99", "-990"]
    a = [*cells, *list(BASE["a"])[len(cells) :]]
    out = sum(float(cell) == -99 for cell in cells)
    for word in (-99, "-99.0"):
        manifest = read(tmp_path, written(a=a), missing=[word])
        assert manifest.samples + manifest.test_samples == ROWS - out
    commas = written(a=a).replace(",", ";").replace(".", ",")
    manifest = read(tmp_path, commas, missing=["-99"], separator=";", decimal=",")
    assert manifest.samples + manifest.test_samples == ROWS - out


def test_truth_values_are_numbers(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(b=taken("True FALSE false")))
    assert manifest.columns == ("a", "b")
    inputs = open_samples(tmp_path / "out").inputs(slice(None))
    assert set(inputs[:, 1].tolist()) == {0.0, 1.0}


def test_a_decimal_comma(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="give `decimal: ','` if this is a decimal comma"):
        read(tmp_path, written().replace(",", ";").replace(".", ","), separator=";")
    plain = read(tmp_path, written())
    manifest = read(
        tmp_path, written().replace(",", ";").replace(".", ","), separator=";", decimal=","
    )
    assert (manifest.shift, manifest.scale) == (plain.shift, plain.scale)
    labels = taken("0 1,0 0,0 1")
    text = "a;y\n" + "".join(f"{row},5;{label}\n" for row, label in enumerate(labels))
    assert read(tmp_path, text, separator=";", decimal=",").class_names == ("0", "1")


def test_thousands_separators_are_no_decimal_comma(tmp_path: Path) -> None:
    text = written().replace(",", ";").replace(".", ",").replace("1,5;", "1.500,5;", 1)
    with pytest.raises(EmcError, match=r"line 3, column 'a': .* found '1\.500,5'"):
        read(tmp_path, text, separator=";", decimal=",")
    with pytest.raises(
        EmcError, match=r"found '0\.0': `decimal` is ',' here: remove it, or the poi"
    ):
        read(tmp_path, written().replace(",", ";"), separator=";", decimal=",")


@pytest.mark.parametrize(
    "cell",
    ["12%", "$5", "1_000", "0x1f", "1'000", "1 000", "\uff11", "\u22121", "1.5D+01", "9" * 400],
)
def test_what_is_no_plain_decimal_number_is_refused(tmp_path: Path, cell: str) -> None:
    cells = [cell, *BASE["b"][1:]]
    with pytest.raises(
        EmcError, match="line 2, column 'b': expected a finite number, found"
    ) as told:
        read(tmp_path, written(b=cells))
    assert len(str(told.value)) < 400


@pytest.mark.parametrize("cells", [["+1", "-2"], [".5", "5."], ["1e3", "1E-3"], ["-0.0", "0"]])
def test_spellings_of_numbers(tmp_path: Path, cells: list[str]) -> None:
    assert read(tmp_path, written(b=cells * 12)).scale[1] > 0


def test_a_column_that_counts_the_rows_is_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(b=list(range(1, ROWS + 1))))
    assert manifest.columns == ("a", "b")
    assert manifest.notes == (
        f"{tmp_path}/t.csv: column 'b' counts the rows: if it is an index and no input, leave it"
        " out by `exclude: ['b']`",
    )


def test_columns_of_one_value_are_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(c=["0.1"] * ROWS), categorical=[])
    assert manifest.notes == (
        f"{tmp_path}/t.csv: column with one value in all {ROWS} rows, which tells nothing: leave"
        " out by `exclude: ['c']`",
    )
    table = written(c=["0.1"] * ROWS, d=["x"] * ROWS)
    assert read(tmp_path, table, categorical=["d"]).notes == (
        f"{tmp_path}/t.csv: 2 columns with one value in all {ROWS} rows, which tells nothing: leave"
        " out by `exclude: ['c', 'd']`",
    )
    assert read(tmp_path, table, exclude=["c", "d"]).notes == ()


@pytest.mark.parametrize(
    ("values", "keys"), [(["7", "-2"], {}), (["non", "oui"], {"categorical": ["c"]})]
)
def test_a_column_that_tells_the_label_is_told(
    tmp_path: Path, values: list[str], keys: dict[str, Any]
) -> None:
    told = [values[row % 2] for row in range(ROWS)]
    assert read(tmp_path, written(c=told), **keys).notes == (
        f"{tmp_path}/t.csv: column 'c' tells the label 'y' of every row: leave it out by `exclude:"
        " ['c']` if it is the label in other words",
    )
    assert read(tmp_path, written(c=[values[0], *told[:-1]]), **keys).notes == ()
    assert read(tmp_path, written(c=told), exclude=["c"]).columns == ("a", "b")


@pytest.mark.parametrize(
    ("values", "alike"),
    [
        (["1", "1.0", "2", "3"], ["'1' and '1.0'"]),
        (["true", "TRUE", "False", "x"], ["'TRUE' and 'true'"]),
        (
            ["0", "\u0660", "caf\u00e9", "cafe\u0301"],
            ["'cafe\\u0301' and 'caf\\xe9'", "'0' and '\\u0660'"],
        ),
    ],
)
def test_categories_that_look_alike_are_told(
    tmp_path: Path, values: list[str], alike: list[str]
) -> None:
    manifest = read(tmp_path, written(c=values * (ROWS // 4)), categorical=["c"])
    start, end = (
        f"{tmp_path}/t.csv: column 'c': categories ",
        " differ only in how they are written",
    )
    assert sorted(manifest.notes) == sorted(start + pair + end for pair in alike)


def test_columns_of_words_are_named_together(tmp_path: Path) -> None:
    text = written(city=taken("Rome Bonn"), day=["2020-01-01"] * ROWS)
    wanted = (
        "t.csv: line 2, column 'city': expected a finite number, found 'Rome': list 'city' under"
        " `categorical`, or leave it out by `exclude`; so in column 'day'"
    )
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, text)
    manifest = read(tmp_path, text, categorical=["city"], exclude=["day"])
    assert manifest.columns == ("a", "b", "city=Bonn", "city=Rome")


@pytest.mark.parametrize(
    ("cell", "keys", "remedy"),
    [
        ("5 %", {}, "write plain numbers, without ' ' and '%'"),
        ("$1'000.50", {}, "write plain numbers, without '$' and \"'\""),
        ("1_000", {}, "write plain numbers, without '_'"),
        ("1.234,5", {"separator": ";", "decimal": ","}, "write plain numbers, without '.'"),
        ("1.5", {"separator": ";", "decimal": ","}, "`decimal` is ',' here: remove it, or the"),
        ("\N{MINUS SIGN}3", {}, "write '-' for '\N{MINUS SIGN}'"),
        ("0x1F", {}, "list 'b' under `categorical`, or leave it out by `exclude`"),
        ("2020-01-01", {}, "list 'b' under `categorical`, or leave it out by `exclude`"),
        ("12:30", {}, "list 'b' under `categorical`, or leave it out by `exclude`"),
    ],
)
def test_what_stands_beside_a_number_is_named(
    tmp_path: Path, cell: str, keys: dict[str, str], remedy: str
) -> None:
    text = written(a=list(range(ROWS)), b=[cell] * ROWS)
    if keys:
        lines = (f"{row};{cell};{'uv'[row % 2]}" for row in range(ROWS))
        text = "a;b;y\n" + "\n".join(lines)
    wanted = f"line 2, column 'b': expected a finite number, found {cell!r}: {remedy}"
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, text, **keys)


def test_an_empty_column_is_told_as_such(tmp_path: Path) -> None:
    text = written(b=[""] * ROWS)
    with pytest.raises(EmcError, match=r"column is empty: leave it out by `exclude: \['b'\]"):
        read(tmp_path, text)
    with pytest.raises(EmcError, match=r"column 'b' has none: leave it out by `exclude: \['b'\]`$"):
        read(tmp_path, text, missing=[])


def test_names_of_rows_among_categories_are_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(b=[f"row {row}" for row in range(ROWS)]), categorical=["b"])
    (note,) = manifest.notes
    assert note == (
        f"{tmp_path}/t.csv: column 'b': each of 24 rows has a category of its own: if these are"
        " names of the rows and no input, leave it out by `exclude: ['b']`"
    )


@pytest.mark.parametrize("factor", [1e300, 1e-320])
def test_numbers_that_cannot_be_standardised(tmp_path: Path, factor: float) -> None:
    text = written(b=[factor * (row + 1) for row in range(ROWS)])
    with pytest.raises(
        EmcError, match=r"t\.csv: column 'b': numbers from .* are too large, or dif"
    ):
        read(tmp_path, text)


def test_a_test_row_that_is_infinite_as_float32(tmp_path: Path) -> None:
    manifest = read(tmp_path, written())
    rows = open_samples(tmp_path / "out").test().inputs(slice(None))[:, 0]
    place = int(
        np.argmin(abs(1.5 * np.arange(ROWS) - rows[0] * manifest.scale[0] - manifest.shift[0]))
    )
    values = list(BASE["a"])
    values[place] = "1e130"
    with pytest.raises(EmcError, match=r"t\.csv: column 'a': numbers from .* to 1e\+130 are too"):
        read(tmp_path, written(a=values))


@pytest.mark.parametrize(
    ("values", "entries", "left"),
    [
        ([1e38, *range(1, ROWS)], 24, 2),
        ([2**60 + row for row in range(ROWS)], 24, 1),
        ([1e9 + 1e-8 * row for row in range(ROWS)], 24, None),
    ],
)
def test_entries_that_become_equal_are_told(
    tmp_path: Path, values: list[float], entries: int, left: int | None
) -> None:
    manifest = read(tmp_path, written(b=[repr(value) for value in values]))
    if left is None:
        assert not manifest.notes or "remain as float32 inputs" in manifest.notes[-1]
    else:
        wanted = f"column 'b': of {entries} different entries {left} remain as float32 inputs"
        assert any(wanted in note for note in manifest.notes)
