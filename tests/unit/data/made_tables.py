"""Tables of two columns of numbers and a label, and what is read of them."""

from pathlib import Path
from typing import Any

import polars as pl
from tests.unit.data.entries import dataset_of

from emc.data.manifest import Manifest
from emc.data.prepare import prepare

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
