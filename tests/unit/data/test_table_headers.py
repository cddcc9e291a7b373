"""Tables of another form: their header, their index, their letters, no table at all."""

import os
import re
from pathlib import Path

import pytest
from tests.unit.data.entries import dataset_of
from tests.unit.data.made_tables import BASE, ROWS, read, taken, written

from emc.data.prepare import prepare
from emc.errors import EmcError, FileError


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
