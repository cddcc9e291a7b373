"""What the tests look at in a figure: its specification, its rows, its marks; no pixels."""

from typing import Any

import polars as pl

from emc.figures import figure, specification
from emc.warehouse import Warehouse


def drawn(warehouse: Warehouse, name: str) -> dict[str, Any]:
    return specification(figure(name).draw(warehouse))


def rows(spec: dict[str, Any]) -> pl.DataFrame:
    """The one data set of a figure that has rows worth looking at."""
    largest = max(spec["datasets"].values(), key=len)
    return pl.DataFrame(largest, infer_schema_length=None)


def marks(spec: Any) -> list[dict[str, Any]]:
    """Every unit specification inside a specification."""
    if isinstance(spec, list):
        return [mark for part in spec for mark in marks(part)]
    if not isinstance(spec, dict):
        return []
    own = [spec] if "mark" in spec else []
    return own + [mark for key in ("layer", "spec", "concat") for mark in marks(spec.get(key))]
