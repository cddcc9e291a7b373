"""Tables: written and read with exactly their columns; anything else is refused by name."""

import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from emc.errors import EmcError
from emc.store.columns import TABLES, Column, Table
from emc.store.tables import frame, read_table, schema, write_table

SAMPLES = Table(
    "samples",
    "One of each kind.",
    ("name",),
    (
        Column("name", "text", "text"),
        Column("count", "whole", "a whole number"),
        Column("size", "real", "a real number"),
        Column("good", "truth", "true or false"),
        Column("tags", "texts", "texts"),
        Column("steps", "wholes", "whole numbers"),
        Column("losses", "reals", "real numbers"),
        Column("note", "text", "may be empty", nullable=True),
    ),
)
ROW: dict[str, Any] = {
    "name": "a",
    "count": 2**63 - 1,
    "size": float("inf"),
    "good": True,
    "tags": ["x", ""],
    "steps": [1, 2],
    "losses": [],
    "note": None,
}
REMEDY = "remove it: the rule x remakes it"


@pytest.fixture
def path(quick_path: Path) -> Path:
    return quick_path / "samples.parquet"


@pytest.mark.parametrize("rows", [[], [ROW], [ROW, {**ROW, "note": "n", "losses": [0.5, -0.0]}]])
def test_round_trip(rows: list[dict[str, Any]], path: Path) -> None:
    write_table(path, SAMPLES, iter(rows))
    found = read_table(path, SAMPLES, "the rule x")
    assert found.to_dicts() == rows
    assert dict(found.schema) == schema(SAMPLES)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_an_empty_table_keeps_its_schema(table: Table, path: Path) -> None:
    write_table(path, table, [])
    found = read_table(path, table, "the rule x")
    assert (found.height, dict(found.schema)) == (0, schema(table))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"count": None}, ValueError, "table samples, column count: expected values, found null"),
        ({"other": 1}, ValueError, r"table samples: expected columns \[.*\], found \[.*'other'"),
        ({"count": 1.5}, TypeError, "Int64"),
        ({"count": 2**63}, TypeError, "Int64"),
        ({"count": "1"}, TypeError, "Int64"),
        ({"size": "1"}, TypeError, "Float64"),
        ({"good": 1}, TypeError, "Boolean"),
        ({"name": 1}, TypeError, "String"),
        ({"steps": [1.5]}, TypeError, "Int64"),
        ({"tags": [1]}, TypeError, "String"),
    ],
)
def test_a_row_that_does_not_fit(
    change: dict[str, Any], error: type[Exception], message: str, path: Path
) -> None:
    with pytest.raises(error, match=message):
        write_table(path, SAMPLES, [ROW, {**ROW, **change}])
    assert not path.exists()


@pytest.mark.parametrize("name", ["count", "note"])
def test_a_row_that_lacks_a_column(name: str) -> None:
    short = {key: value for key, value in ROW.items() if key != name}
    with pytest.raises(ValueError, match=rf"expected columns \[.*'{name}'.*\], found \["):
        frame(SAMPLES, [short])


def test_a_row_may_hold_its_columns_in_any_order() -> None:
    assert frame(SAMPLES, [dict(reversed(ROW.items()))]).equals(frame(SAMPLES, [ROW]))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda made: made.drop("size"), ("size (Float64)", "none of these")),
        (
            lambda made: made.with_columns(pl.lit(1).alias("colour")),
            ("none of these", "colour (Int32)"),
        ),
        (
            lambda made: made.cast({"count": pl.Int32, "losses": pl.List(pl.Float32)}),
            ("count (Int64), losses (List(Float64))", "count (Int32), losses (List(Float32))"),
        ),
        (
            lambda made: made.rename({"name": "title"}),
            ("name (String)", "title (String)"),
        ),
    ],
    ids=["missing", "foreign", "retyped", "renamed"],
)
def test_another_schema(change: Any, fault: tuple[str, str], path: Path) -> None:
    change(frame(SAMPLES, [{**ROW, "count": 7}])).write_parquet(path)
    expected, found = fault
    message = f"{path}: columns of a table of samples: expected {expected}, found {found}; {REMEDY}"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_table(path, SAMPLES, "the rule x")


def test_a_missing_file(path: Path) -> None:
    message = f"{path}: no such file; the rule x makes it"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_table(path, SAMPLES, "the rule x")


def test_a_folder_in_its_place(path: Path) -> None:
    (path / "deep").mkdir(parents=True)
    message = f"{path}: a folder in a file's place; {REMEDY.removeprefix('; ')}"
    with pytest.raises(EmcError, match=f"^{re.escape(message)}$"):
        read_table(path, SAMPLES, "the rule x")


def test_a_file_cut_short_anywhere(path: Path) -> None:
    write_table(path, SAMPLES, [ROW] * 3)
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        with pytest.raises(
            EmcError, match=r"samples\.parquet: damaged or no Parquet file"
        ) as caught:
            read_table(path, SAMPLES, "the rule x")
        assert str(caught.value).endswith(REMEDY)


@pytest.mark.parametrize("content", [b"PAR1", b"PAR1PAR1", b"name,count\na,1\n", b"\0" * 64])
def test_another_file(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(EmcError, match="damaged or no Parquet file"):
        read_table(path, SAMPLES, "the rule x")


@pytest.mark.parametrize("name", ["a[1].parquet", "*.parquet", "a b'c.parquet", "x=1/y.parquet"])
def test_a_name_is_no_pattern(name: str, tmp_path: Path) -> None:
    write_table(tmp_path / name, SAMPLES, [ROW])
    assert read_table(tmp_path / name, SAMPLES, "the rule x").to_dicts() == [ROW]


def test_an_empty_value_where_none_is_allowed_is_refused_by_name(path: Path) -> None:
    write_table(path, SAMPLES, [ROW])
    pl.read_parquet(path).with_columns(count=pl.lit(None, pl.Int64)).write_parquet(path)
    told = f"{path}: an empty value in a column of samples that allows none; {REMEDY}"
    with pytest.raises(EmcError, match=f"^{re.escape(told)}$"):
        read_table(path, SAMPLES, "the rule x")
