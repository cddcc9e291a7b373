"""Columns and labels of Parquet tables, and damaged ones."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.unit.data.entries import dataset_of
from tests.unit.data.made_tables import ROWS, frame, read_parquet

from emc.data.prepare import prepare
from emc.errors import EmcError


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
