"""A user's own table."""

from pathlib import Path

import polars as pl

from emc.data.content import Content
from emc.data.manifest import original_file
from emc.data.originals import Shelf
from emc.data.tables import checked, table_content
from emc.errors import EmcError, FileError
from emc.study.sources import Columns, Csv, Parquet


def csv(dataset: Csv, shelf: Shelf) -> Content:
    """A text table with one header line."""
    path = shelf.find(dataset.file)
    try:
        frame = pl.read_csv(path, separator=dataset.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise EmcError(f"{path}: no readable CSV table: {error}") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error}") from None
    return _content(dataset, path, frame)


def parquet(dataset: Parquet, shelf: Shelf) -> Content:
    """A Parquet table."""
    path = shelf.find(dataset.file)
    try:
        frame = pl.read_parquet(path)
    except pl.exceptions.PolarsError as error:
        raise EmcError(f"{path}: no readable Parquet table: {error}") from None
    except OSError as error:
        raise FileError(f"{path}: cannot be read: {error}") from None
    return _content(dataset, path, frame)


def _content(dataset: Columns, path: Path, frame: pl.DataFrame) -> Content:
    numeric = dataset.numeric
    if numeric is None:
        numeric = tuple(
            column
            for column in frame.columns
            if column != dataset.label and column not in dataset.categorical
        )
    if not numeric and not dataset.categorical:
        raise EmcError(f"{path}: no column besides the label {dataset.label!r}")
    table = checked(
        frame,
        str(path),
        label=dataset.label,
        numeric=numeric,
        categorical=dataset.categorical,
    )
    return table_content(table, None, (original_file(path.name, path.read_bytes()),))
