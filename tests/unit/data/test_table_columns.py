"""What columns of a table mean: numbers, words, classes, what is missing, what is told."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.data.entries import dataset_of

from emc.data import open_samples
from emc.data.manifest import Manifest
from emc.data.prepare import prepare
from emc.data.raw_table import RawTable
from emc.data.table_columns import class_names, labels_of
from emc.errors import EmcError, FileError

ROWS = 24
BASE = {
    "a": [str(1.5 * row) for row in range(ROWS)],
    "b": [str(row % 5) for row in range(ROWS)],
    "y": [("no", "yes")[row % 2] for row in range(ROWS)],
}


def read(folder: Path, text: str, **keys: Any) -> Manifest:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    entry = {"name": "csv", "file": "t.csv", "label": "y", **keys}
    return prepare(dataset_of(entry), folder / "out", folder)


def written(**columns: list[Any]) -> str:
    named = BASE | columns
    lines = [named, *zip(*named.values(), strict=True)]
    return "\n".join(",".join(map(str, line)) for line in lines) + "\n"


def read_parquet(folder: Path, frame: pl.DataFrame, **keys: Any) -> Manifest:
    frame.write_parquet(folder / "t.parquet")
    entry = {"name": "parquet", "file": "t.parquet", "label": "y", **keys}
    return prepare(dataset_of(entry), folder / "out", folder)


def frame(**columns: Any) -> pl.DataFrame:
    base = pl.DataFrame(BASE).with_columns(pl.col("a", "b").cast(pl.Float64))
    return base.with_columns(**{name: pl.Series(values) for name, values in columns.items()})


def taken(words: str) -> list[str]:
    """These labels in turn."""
    each = words.split()
    return [each[row % len(each)] for row in range(ROWS)]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        ("0 1.0 0.0 1", "0 1"),
        ("0 1e0 -0.0 01", "0 1"),
        ("TRUE false True FALSE", "false true"),
        ("10 9 -1", "-1 9 10"),
        ("3.5 4 4.5", "3.5 4 4.5"),
        ("9007199254740993 9007199254740992", "9007199254740992 9007199254740993"),
        ("1 1.0 x", "1 1.0 x"),
        ("TRUE no", "TRUE no"),
        ("none inf", "inf none"),
        ("1e299 2", "2 " + str(10**299)),
        ("1e300 02", "02 1e300"),
        (f"{'9' * 5000} 1", f"1 {'9' * 5000}"),
        ("1. .5 0.50 1.0", "0.5 1"),
    ],
)
def test_labels_that_are_equal_are_one_class(tmp_path: Path, labels: str, classes: str) -> None:
    manifest = read(tmp_path, written(y=taken(labels)))
    assert manifest.class_names == tuple(classes.split())


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ("0 1 true false", "'0' and 'false'"),
        ("1 TRUE False 0", "'0' and 'False'"),
        ("1 true", "'1' and 'true'"),
    ],
)
def test_truth_values_in_two_ways_are_told(tmp_path: Path, labels: str, found: str) -> None:
    message = f"column 'y': expected truth values or numbers, found both {found}: write each class"
    with pytest.raises(EmcError, match=message):
        read(tmp_path, written(y=taken(labels)))


@pytest.mark.parametrize("labels", [[0.0, 1.0], [0, 1], [-0.0, 1.0]])
def test_whole_floats_of_a_parquet_table_are_classes_of_whole_numbers(
    tmp_path: Path, labels: list[float]
) -> None:
    assert read_parquet(tmp_path, frame(y=labels * 12)).class_names == ("0", "1")


@pytest.mark.parametrize("kind", [pl.Boolean, pl.Categorical, pl.Enum(["0", "1"]), pl.UInt8])
def test_types_of_labels_in_parquet(tmp_path: Path, kind: Any) -> None:
    values: list[Any] = ["0", "1"] * 12 if kind not in (pl.Boolean, pl.UInt8) else [0, 1] * 12
    series = pl.Series(values).cast(kind)
    names = read_parquet(tmp_path, frame().with_columns(y=series)).class_names
    assert names == (("false", "true") if kind == pl.Boolean else ("0", "1"))


SPELLINGS = ("{}", "{}.0", "{}.", "00{}", "{}e0", " {} ", "{}.000")


@given(
    labels=st.lists(st.integers(0, 9).map(lambda label: label * 37), min_size=9, max_size=9),
    spellings=st.lists(st.sampled_from(SPELLINGS), min_size=9, max_size=9),
)
def test_spellings_of_whole_numbers_make_no_new_classes(
    labels: list[int], spellings: list[str]
) -> None:
    cells = [form.format(label) for form, label in zip(spellings, labels, strict=True)] * 2
    found = labels_of(RawTable("t.csv", ("y",), (pl.Series(cells),)), "y")
    assert found.to_list() == [str(label) for label in labels] * 2
    assert class_names(found) == tuple(map(str, sorted(set(labels))))


def test_measurements_are_no_classes(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"t\.csv: column 'y': each of 24 rows has a label of its"):
        read(tmp_path, written(y=[row + 0.25 for row in range(ROWS)]))
    mixed = ["0.5", "0.75", *taken("1 2")[2:]]
    wanted = (
        r"t\.csv: column 'y': found 4 different numbers as labels, 2 of them with decimals and in"
        r" fewer than 3 rows, such as 0\.5: these look like measurements: name a column of classes"
    )
    with pytest.raises(EmcError, match=wanted):
        read(tmp_path, written(y=mixed))


def test_a_name_per_row_is_no_class(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="each of 24 rows has a label of its own, such as 'user0'"):
        read(tmp_path, written(y=[f"user{row}" for row in range(ROWS)]))


@pytest.mark.parametrize("word", ["nan", "NaN", "NA", "n/a", "NULL", "<NA>", "#N/A"])
def test_a_label_that_stands_for_none_is_told(tmp_path: Path, word: str) -> None:
    labels = ["yes", "no", word, *taken("yes no")[3:]]
    wanted = f"t.csv: line 4, column 'y': found '{word}', which stands for a missing label"
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, written(y=labels))
    manifest = read(tmp_path, written(y=labels), missing=[word])
    assert manifest.samples + manifest.test_samples == ROWS - 1
    assert manifest.notes == (f"{tmp_path}/t.csv: 1 of 24 rows left out by `missing`",)


@pytest.mark.parametrize("label", [None, float("nan")])
def test_a_label_that_is_missing_in_parquet(tmp_path: Path, label: float | None) -> None:
    table = frame(y=[0.0, 1.0, label] * 8)
    with pytest.raises(
        EmcError, match=r"t\.parquet: row 3, column 'y': expected a label, found an empty"
    ):
        read_parquet(tmp_path, table)
    assert read_parquet(tmp_path, table, missing=[]).class_names == ("0", "1")


def test_a_category_that_is_nan_in_parquet_is_empty(tmp_path: Path) -> None:
    table = frame(b=[1.0, float("nan")] * 12)
    with pytest.raises(EmcError, match="row 2, column 'b': empty"):
        read_parquet(tmp_path, table, categorical=["b"])


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
    assert manifest.samples + manifest.test_samples == ROWS - 2
    manifest = read_parquet(
        tmp_path, frame(a=[-99.0, *range(1, ROWS)], b=[None, *range(1, ROWS)]), missing=[-99]
    )
    assert manifest.samples + manifest.test_samples == ROWS - 1
    with pytest.raises(EmcError, match=r"no row has a value in each column that is used"):
        read(tmp_path, written(b=["?"] * ROWS), missing=["?"])


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
    ("text", "wanted"),
    [
        (written().replace(",", ";"), "found 'a;b;y': give `separator: ';'`"),
        (written().replace(",", "\t"), "found 'a b y': give `separator: \"\\t\"`"),
        (written().replace(",", " "), "found 'a b y': give `separator: ' '`"),
        (
            "My own table\n" + written(),
            "found 'My own table': it stands in line 2: remove what is above it",
        ),
        (
            "Mine,,\n\n" + written(),
            "found 'Mine,,': it stands in line 3: remove what is above it",
        ),
        ("a;b;Y\n1,5;2;u\n", "found 'a;b;Y': give `separator: ';'`"),
        ("# mine\n" + written(), "found '# mine': give `comment: '#'` if such lines are comments"),
        (written().split("\n", 1)[1], "found '0.0,0,no': its first line must name the columns"),
    ],
)
def test_a_table_of_another_form_is_told_with_the_key_that_helps(
    tmp_path: Path, text: str, wanted: str
) -> None:
    start = f"{tmp_path}/t.csv: line 1: expected a header with the column 'y', "
    with pytest.raises(EmcError, match="^" + re.escape(start + wanted) + "$"):
        read(tmp_path, text)


def test_a_wrong_label_is_told_with_the_nearest_column(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"no column 'aa'; did you mean 'a'\? \(columns: a, b, y\)"):
        read(tmp_path, written(), label="aa")
    many = "\n".join([",".join(f"c{i}" for i in range(300)), ",".join("1" * 300)])
    with pytest.raises(EmcError, match=r"no column 'y'.*c19 \.\.\. of 300\)$"):
        read(tmp_path, many)


@pytest.mark.parametrize("column", ["a", "y"])
def test_a_name_that_two_columns_have(tmp_path: Path, column: str) -> None:
    text = written().replace("a,b,y", f"a,{column},y", 1)
    wanted = f"2 columns have the name '{column}' (number "
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, text)


def test_equal_names_of_columns_that_are_left_out(tmp_path: Path) -> None:
    text = written(c=["x"] * ROWS, d=["x"] * ROWS).replace("c,d", "c,c")
    assert read(tmp_path, text, exclude=["c"]).columns == ("a", "b")
    with pytest.raises(EmcError, match="no column 'z'"):
        read(tmp_path, text, exclude=["c", "z"])


def test_a_column_that_differs_in_capitals_is_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"no column 'y'; did you mean 'Y'\?"):
        read(tmp_path, written().replace("a,b,y", "A,B,Y", 1))


def test_the_line_in_which_excel_finds_the_separator(tmp_path: Path) -> None:
    text = "sep=;\n" + written().replace(",", ";")
    with pytest.raises(
        EmcError, match="found 'sep=;': give `separator: ';'` and `comment: 'sep='`"
    ):
        read(tmp_path, text)
    assert read(tmp_path, text, separator=";", comment="sep=").columns == ("a", "b")


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


@pytest.mark.parametrize("order", [1, -1, 7])
@pytest.mark.parametrize("step", [1, 3])
def test_an_index_of_rows_in_any_order_or_a_part_of_them(
    tmp_path: Path, order: int, step: int
) -> None:
    lines = written().splitlines()
    index = [step * (row * order % ROWS) for row in range(ROWS)]
    assert len(set(index)) == ROWS
    text = "\n".join(
        ["," + lines[0], *(f"{row},{line}" for row, line in zip(index, lines[1:], strict=True))]
    )
    manifest = read(tmp_path, text)
    assert manifest.columns == ("a", "b")
    assert "column 1 has no name and is empty or an index: it is left out" in manifest.notes[0]


@pytest.mark.parametrize(
    "labels", [["a b", "a  b"], ["1", "1.0", "one"], ["caf\u00e9", "cafe\u0301"], ["Yes", "yes"]]
)
def test_classes_that_look_alike_are_told(tmp_path: Path, labels: list[str]) -> None:
    each = [labels[row % len(labels)] for row in range(ROWS)]
    manifest = read(tmp_path, written(y=each))
    assert len(manifest.class_names) == len(labels)
    assert manifest.notes[0].endswith(" differ only in how they are written")


def test_a_parquet_table_damaged_anywhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frame().write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    entry = {"name": "parquet", "file": "t.parquet", "label": "y"}
    refused = 0
    for start in range(0, len(whole), len(whole) // 25):
        (tmp_path / "t.parquet").write_bytes(whole[:start] + bytes(30) + whole[start + 30 :])
        try:
            prepare(dataset_of(entry), tmp_path / "out", tmp_path)
        except EmcError as error:
            assert str(error).startswith(f"{tmp_path}/t.parquet: ")  # noqa: PT017
            refused += 1
    assert refused > 5
    capfd.readouterr()  # polars tells its panics there


def test_the_index_that_pandas_writes_is_left_out_and_told(tmp_path: Path) -> None:
    lines = written().splitlines()
    text = "\n".join(["," + lines[0], *(f"{row},{line}" for row, line in enumerate(lines[1:]))])
    manifest = read(tmp_path, text)
    assert manifest.columns == ("a", "b")
    assert manifest.notes == (
        f"{tmp_path}/t.csv: column 1 has no name and is empty or an index: it is left out",
    )


def test_a_column_without_a_name_is_read_and_told(tmp_path: Path) -> None:
    text = written().replace("a,b,y", "a,,y", 1)
    manifest = read(tmp_path, text)
    assert manifest.columns == ("a", "column 2")
    assert "column 2 has no name: it is read as 'column 2'" in manifest.notes[0]
    assert read(tmp_path, text, exclude=["column 2"]).columns == ("a",)


def test_separators_at_the_ends_of_all_lines(tmp_path: Path) -> None:
    assert read(tmp_path, written().replace("\n", ",\n")).columns == ("a", "b")


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


def test_a_pipe_is_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "t.csv")
    entry = {"name": "csv", "file": "t.csv", "label": "y"}
    with pytest.raises(
        EmcError, match=r"t\.csv: expected a file, found a pipe or device: save what it gives$"
    ):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


@pytest.mark.parametrize("header", ["cafe\u0301", "caf\u00e9\u200b", "caf\u00e9\u00a0x"])
def test_a_column_whose_name_only_looks_like_the_label_is_shown_letter_by_letter(
    tmp_path: Path, header: str
) -> None:
    label = header.replace("\u00a0", " ") if "x" in header else "caf\u00e9"
    wanted = f"; {header!r} looks like it, but has other characters: {header!a} (columns"
    with pytest.raises(EmcError, match=re.escape(wanted)):
        read(tmp_path, written(**{header: BASE["y"]}), label=label)


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


def test_names_in_single_quotes(tmp_path: Path) -> None:
    text = written().replace("y", "'y'", 1)
    with pytest.raises(EmcError, match="no column 'y'; single quotes are part of its names: repl"):
        read(tmp_path, text)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_letters_that_are_utf_8_too_are_told(tmp_path: Path, encoding: str) -> None:
    text = written(y=taken("süß herb"))
    (note,) = read(tmp_path, text, encoding=encoding).notes
    name = {"latin-1": "iso8859-1"}.get(encoding, encoding)
    wanted = f"its letters are read as {name}, but may be utf-8: see `encoding`"
    assert note == f"{tmp_path}/t.csv: {wanted}"
    assert read(tmp_path, written(), encoding=encoding).notes == ()


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


def test_classes_that_differ_in_capitals_or_have_no_test_sample_are_told(tmp_path: Path) -> None:
    manifest = read(tmp_path, written(y=["Yes", "Yes", *taken("yes no")[2:]]))
    assert manifest.notes == (
        f"{tmp_path}/t.csv: classes 'Yes' and 'yes' differ only in how they are written",
        f"{tmp_path / 't.csv'}: 1 of 3 classes have no test sample (a fifth of each is held out: of"
        " 1 or 2 samples, none): 'Yes'".replace(f"{tmp_path}/", ""),
    )


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (pl.Series([b"x", b"y"] * 12), "column 'y': expected words, found the type Binary"),
        (pl.Series([[1], [2]] * 12), r"column 'y': expected words, found the type List\(Int64\)"),
        (pl.Series([None] * ROWS), "row 1, column 'y': expected a label, found an empty cell"),
    ],
)
def test_odd_labels_in_parquet(tmp_path: Path, series: pl.Series, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        read_parquet(tmp_path, frame().with_columns(y=series))


@pytest.mark.parametrize(
    ("series", "message"),
    [
        (pl.Series([None] * ROWS), "row 1, column 'a': expected a finite number, found an empty"),
        (
            pl.Series(["x"] * ROWS, dtype=pl.Categorical),
            "expected numbers, found the type Cate.*: list it",
        ),
        (
            pl.Series([{"p": 1}] * ROWS),
            "expected numbers, found the type Struct.*: write numbers, or leave",
        ),
        (pl.Series([b"x"] * ROWS), "expected numbers, found the type Binary"),
    ],
)
def test_odd_columns_in_parquet(tmp_path: Path, series: pl.Series, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        read_parquet(tmp_path, frame().with_columns(a=series))


def test_a_parquet_table_without_rows(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"t\.parquet: no rows"):
        read_parquet(tmp_path, frame().head(0))


def test_a_damaged_parquet_table(tmp_path: Path) -> None:
    frame().write_parquet(tmp_path / "t.parquet")
    whole = (tmp_path / "t.parquet").read_bytes()
    entry = {"name": "parquet", "file": "t.parquet", "label": "y"}
    for content, message in [
        (whole[:-20], "a damaged Parquet table"),
        (b"", "expected a Parquet table, found an empty file"),
        (b"ARROW1\0\0", "expected a Parquet table, found .*: a Feather file: save it as Parquet"),
        (
            b"a,y\n1,2\n",
            "expected a Parquet table, found b'a,y.*' at its beginning: perhaps a text table: give",
        ),
    ]:
        (tmp_path / "t.parquet").write_bytes(content)
        with pytest.raises(EmcError, match=rf"t\.parquet: {message}"):
            prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_a_folder_in_place_of_a_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").mkdir()
    entry = {"name": "csv", "file": "t.csv", "label": "y"}
    with pytest.raises(EmcError, match=r"t\.csv: expected a file, found a folder"):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_a_table_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("emc.data.readers.local_table.file_content", refuse)
    with pytest.raises(FileError, match=r"t\.csv: cannot be read: Permission denied"):
        read(tmp_path, written())


def test_ten_thousand_columns(tmp_path: Path) -> None:
    wide = {f"c{i}": [i % 7 + row for row in range(ROWS)] for i in range(10_000)}
    manifest = read(tmp_path, written(**wide))
    assert manifest.shape == (10_002,)
