"""What the tests look at in a figure: its specification, its rows, its marks; no pixels."""

import json
import re
from collections.abc import Iterator
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


def undefined(spec: dict[str, Any]) -> set[str]:
    """Fields that an expression reads and no row or transform has: to Vega they are no error."""
    read = set(re.findall(r"datum\.(\w+)", json.dumps(spec)))
    columns = {name for table in spec["datasets"].values() for row in table for name in row}
    return read - columns - set(_made(spec))


def _made(spec: Any) -> Iterator[str]:
    """Names that transforms give."""
    if isinstance(spec, list):
        for part in spec:
            yield from _made(part)
    elif isinstance(spec, dict):
        named = spec.get("as", [])
        yield from [named] if isinstance(named, str) else named
        for name, part in spec.items():
            if name != "datasets":
                yield from _made(part)
