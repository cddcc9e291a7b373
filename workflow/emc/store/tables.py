"""Parquet files of the data product: written whole, read with their schema checked."""

from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from emc.store.atomic import write_bytes_atomically
from emc.store.columns import ColumnKind, Table
from emc.store.rebuilt import missing, unusable

_TYPES: Mapping[ColumnKind, pl.DataType] = {
    "text": pl.String(),
    "whole": pl.Int64(),
    "real": pl.Float64(),
    "truth": pl.Boolean(),
    "texts": pl.List(pl.String()),
    "wholes": pl.List(pl.Int64()),
    "reals": pl.List(pl.Float64()),
}


def schema(table: Table) -> dict[str, pl.DataType]:
    """Polars types of a table's columns, in order."""
    return {column.name: _TYPES[column.kind] for column in table.columns}


def frame(table: Table, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as a frame with exactly the table's columns; null only where the table allows it.

    Raises:
        ValueError, TypeError: a row has other columns than the table, null where none is allowed,
            or a value of another type (a bug, not input).
    """
    kinds = schema(table)
    found = list(rows)
    for row in found:
        if row.keys() != kinds.keys():
            raise ValueError(
                f"table {table.name}: expected columns {sorted(kinds)}, found {sorted(row)}"
            )
    columns = {name: [row[name] for row in found] for name in kinds}
    made = pl.DataFrame(columns, schema=kinds, strict=True)
    if empty := _with_gaps(table, made):
        raise ValueError(f"table {table.name}, column {empty[0]}: expected values, found null")
    return made


def write_table(path: Path, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows to a Parquet file that is there whole or not at all."""
    content = BytesIO()
    frame(table, rows).write_parquet(content)
    write_bytes_atomically(path, content.getvalue())


def read_table(path: Path, table: Table, rebuilt_by: str) -> pl.DataFrame:
    """Read a Parquet file of the product.

    Raises:
        FileError: the file is missing, damaged or of another schema, or has an empty value where
            none is allowed; the message says what rebuilds it.
    """
    if path.is_dir():
        raise unusable(path, "a folder in a file's place", rebuilt_by)
    try:
        found = pl.read_parquet(path, glob=False)
    except FileNotFoundError:
        raise missing(path, rebuilt_by) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        raise unusable(path, f"damaged or no Parquet file ({error})", rebuilt_by) from None
    _check(path, table, found, rebuilt_by)
    return found


def _check(path: Path, table: Table, found: pl.DataFrame, rebuilt_by: str) -> None:
    wanted = schema(table)
    if dict(found.schema) != wanted:
        raise unusable(path, different_columns(table, wanted, found.schema), rebuilt_by)
    if _with_gaps(table, found):
        raise unusable(path, empty_value(table), rebuilt_by)


def _with_gaps(table: Table, found: pl.DataFrame) -> list[str]:
    """Columns that have an empty value where the table allows none."""
    return [c.name for c in table.columns if not c.nullable and found[c.name].null_count()]


def empty_value(table: Table) -> str:
    """That a file of the table has such a column."""
    return f"an empty value in a column of {table.name} that allows none"


def different_columns(table: Table, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """How a file's columns, types by name, differ from those of its table."""
    return (
        f"columns of a table of {table.name}: expected {_only_in(wanted, found)}, found"
        f" {_only_in(found, wanted)}"
    )


def _only_in(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Columns of one schema that the other does not have so."""
    differing = [f"{name} ({kind})" for name, kind in one.items() if other.get(name) != kind]
    return ", ".join(differing) or "none of these"
