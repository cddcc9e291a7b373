"""Tables as inputs of a net, on a user's own CSV and Parquet files."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError
from tests.unit.data.entries import dataset_of

from emc.data import Samples, open_samples
from emc.data.holdout import held_out
from emc.data.manifest import Manifest
from emc.data.prepare import prepare
from emc.errors import EmcError

ROWS = 40
FRAME = pl.DataFrame(
    {
        "height": [1.5 * row - 7 for row in range(ROWS)],
        "flag": [row % 2 for row in range(ROWS)],
        "same": [0.1] * ROWS,
        "colour": [("red", "green", "?")[row % 3] for row in range(ROWS)],
        "kind": [("yes", "no")[row % 2] for row in range(ROWS)],
    }
)


def prepared(folder: Path, frame: pl.DataFrame, **keys: Any) -> tuple[Manifest, Samples]:
    frame.write_csv(folder / "t.csv")
    entry = {"name": "csv", "file": "t.csv", "label": "kind", "categorical": ["colour"], **keys}
    manifest = prepare(dataset_of(entry), folder / "out", folder)
    return manifest, open_samples(folder / "out")


def with_cell(column: str, row: int, value: object) -> pl.DataFrame:
    cells = FRAME[column].cast(pl.String).to_list()
    cells[row] = value
    return FRAME.with_columns(pl.Series(column, cells, dtype=pl.String))


def test_columns(tmp_path: Path) -> None:
    manifest, samples = prepared(tmp_path, FRAME)
    assert manifest.columns == (
        "height",
        "flag",
        "same",
        "colour=?",
        "colour=green",
        "colour=red",
    )
    assert manifest.class_names == ("no", "yes")
    train = FRAME.filter(~held_out(np.arange(ROWS) % 2 == 0))
    height = train["height"].to_numpy()
    inputs = samples.inputs(slice(None))
    np.testing.assert_allclose(inputs[:, 0], (height - height.mean()) / height.std(), rtol=1e-6)
    np.testing.assert_array_equal(inputs[:, 1], train["flag"])
    np.testing.assert_array_equal(inputs[:, 2], 0)
    np.testing.assert_array_equal(inputs[:, 4], train["colour"] == "green")
    np.testing.assert_array_equal(samples.labels, train["kind"] == "yes")
    assert manifest.shift[0] == pytest.approx(height.mean())
    assert manifest.scale == (pytest.approx(height.std()), 1, 1, 1, 1, 1)


def test_test_part_is_standardised_by_the_training_part(tmp_path: Path) -> None:
    manifest, samples = prepared(tmp_path, FRAME)
    test = FRAME.filter(held_out(np.arange(ROWS) % 2 == 0))
    wanted = (test["height"].to_numpy() - manifest.shift[0]) / manifest.scale[0]
    np.testing.assert_allclose(samples.test().inputs(slice(None))[:, 0], wanted, rtol=1e-6)


def test_category_unseen_in_training_is_all_zero(tmp_path: Path) -> None:
    row = int(np.flatnonzero(held_out(np.arange(ROWS) % 2 == 0))[2])
    manifest, samples = prepared(tmp_path, with_cell("colour", row, "violet"))
    assert "colour=violet" not in manifest.columns
    flags = samples.test().inputs(slice(None))[:, 3:]
    np.testing.assert_array_equal(flags.sum(axis=1), [1, 1, 0, 1, 1, 1, 1, 1])


def test_parquet_is_the_same_table(tmp_path: Path) -> None:
    manifest, _ = prepared(tmp_path, FRAME)
    FRAME.write_parquet(tmp_path / "t.parquet")
    entry = {"name": "parquet", "file": "t.parquet", "label": "kind", "categorical": ["colour"]}
    other = prepare(dataset_of(entry), tmp_path / "other", tmp_path)
    one, two = (open_samples(tmp_path / folder).stored for folder in ("out", "other"))
    np.testing.assert_array_equal(one, two)
    assert other.columns == manifest.columns


def test_chosen_numeric_columns_and_separator(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "t.csv", separator=";")
    entry = {
        "name": "csv",
        "file": str(tmp_path / "t.csv"),
        "label": "kind",
        "numeric": ["flag", "height"],
        "separator": ";",
    }
    assert prepare(dataset_of(entry), tmp_path / "out", None).columns == ("flag", "height")


def test_categories_alone(tmp_path: Path) -> None:
    manifest, samples = prepared(tmp_path, FRAME, numeric=[], categorical=["colour", "flag"])
    assert manifest.columns == (
        *("colour=?", "colour=green", "colour=red"),
        *("flag=0", "flag=1"),
    )
    np.testing.assert_array_equal(samples.inputs(slice(None)).sum(axis=1), 2)


def test_labels_that_are_numbers_keep_their_order(tmp_path: Path) -> None:
    frame = FRAME.with_columns(kind=pl.Series([(10, 9, -1)[row % 3] for row in range(ROWS)]))
    manifest, samples = prepared(tmp_path, frame)
    assert manifest.class_names == ("-1", "9", "10")
    assert np.bincount(samples.labels).tolist() == list(manifest.class_counts)


def test_equal_rows_are_counted_before_the_split(tmp_path: Path) -> None:
    frame = pl.concat([FRAME, FRAME[:3], FRAME[:2].with_columns(kind=pl.lit("perhaps"))])
    manifest, _ = prepared(
        tmp_path, pl.concat([frame, FRAME[5:6].with_columns(kind=pl.lit("perhaps"))])
    )
    found = manifest.original_equal_inputs
    assert (found.samples, found.distinct, found.conflicts) == (46, 40, 3)
    assert found.pairs == 3 + 3 + 1 + 1
    assert found.conflicting_pairs == 2 + 2 + 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "tall", "", "1,5", None])
def test_what_is_no_number_is_named(tmp_path: Path, value: str | None) -> None:
    wanted = r"t\.csv: line 9, column 'height': expected a finite number, found"
    with pytest.raises(EmcError, match=wanted):
        prepared(tmp_path, with_cell("height", 7, value))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_in_parquet_is_named(tmp_path: Path, value: float | None) -> None:
    heights = FRAME["height"].to_list()
    heights[7] = value
    FRAME.with_columns(height=pl.Series(heights)).write_parquet(tmp_path / "t.parquet")
    entry = {"name": "parquet", "file": "t.parquet", "label": "kind", "numeric": ["height"]}
    with pytest.raises(EmcError, match=r"t\.parquet: row 8, column 'height': expected a finite"):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_column_of_dates(tmp_path: Path) -> None:
    frame = FRAME.with_columns(day=pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 2, 9)))
    frame.write_parquet(tmp_path / "t.parquet")
    entry = {"name": "parquet", "file": "t.parquet", "label": "kind", "numeric": ["day"]}
    with pytest.raises(EmcError, match="column 'day': expected numbers, found the type Date"):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_column_of_lists(tmp_path: Path) -> None:
    frame = FRAME.with_columns(words=pl.Series([["a"]] * ROWS))
    frame.write_parquet(tmp_path / "t.parquet")
    entry = {"name": "parquet", "file": "t.parquet", "label": "kind", "categorical": ["words"]}
    with pytest.raises(
        EmcError, match=r"column 'words': expected words, found the type List\(String\)"
    ):
        prepare(dataset_of({**entry, "numeric": []}), tmp_path / "out", tmp_path)


@pytest.mark.parametrize("column", ["kind", "colour"])
@pytest.mark.parametrize("value", ["", " ", None])
def test_row_without_label_or_category(tmp_path: Path, column: str, value: str | None) -> None:
    found = "expected a label, found an empty cell: remove" if column == "kind" else "empty; write"
    with pytest.raises(EmcError, match=rf"t\.csv: line 4, column '{column}': {found}"):
        prepared(tmp_path, with_cell(column, 2, value))


def test_one_class(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"t\.csv: expected two classes or more, found \['no'\]"):
        prepared(tmp_path, FRAME.with_columns(kind=pl.lit("no")))


def test_unknown_column(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"no column 'size' \(columns: height, flag, same, colour"):
        prepared(tmp_path, FRAME, numeric=["size"])


def test_label_alone(tmp_path: Path) -> None:
    FRAME.select("kind").write_csv(tmp_path / "t.csv")
    entry = {"name": "csv", "file": "t.csv", "label": "kind"}
    with pytest.raises(EmcError, match="no column besides the label 'kind'"):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_column_named_twice() -> None:
    entry = {"name": "csv", "file": "t.csv", "label": "kind", "categorical": ["kind"]}
    with pytest.raises(
        ValidationError, match="expected each column in one place, found 'kind' twice"
    ):
        dataset_of(entry)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "content", [b"", b"a,b\n1\n2,3,4\n", b"\xff\xfe\x00", b"PAR1", b"PK\x03\x04"]
)
def test_unreadable_table(tmp_path: Path, kind: str, content: bytes) -> None:
    (tmp_path / "t").write_bytes(content)
    entry = {"name": kind, "file": "t", "label": "b", "numeric": ["a"]}
    with pytest.raises(EmcError, match=r"/t: "):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)


def test_missing_table(tmp_path: Path) -> None:
    entry = {"name": "csv", "file": "t.csv", "label": "b"}
    with pytest.raises(EmcError, match=r"t\.csv: no such file or folder"):
        prepare(dataset_of(entry), tmp_path / "out", tmp_path)
