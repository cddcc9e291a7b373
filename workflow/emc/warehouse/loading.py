"""Many result files into one table, in bulk; a bad file is refused by name."""

import json
from collections.abc import Sequence
from typing import Final

import duckdb

from emc.records import Failure
from emc.records.estimate import WANTED
from emc.store.columns import ESTIMATES, FAILURES, RATES, Column, ColumnKind, Table
from emc.store.tables import different_columns, empty_value
from emc.warehouse.relations import SQL_TYPES, comments, declarations, names, quoted
from emc.warehouse.table_files import TableFiles

_RATE: Final = {c.name: SQL_TYPES[c.kind] for c in RATES.columns if c.name != "cell"}
_DOCUMENT: Final = {c.name: SQL_TYPES[c.kind] for c in ESTIMATES.columns} | {"rates": [_RATE]}
_WHOLE: Final = ("UBIGINT", "BIGINT")
_JSON_TYPES: Final[dict[ColumnKind, tuple[str, ...]]] = {
    "text": ("VARCHAR",),
    "whole": _WHOLE,
    "real": ("DOUBLE", *_WHOLE),
    "truth": ("BOOLEAN",),
}
"""DuckDB's names of what stands in a document, for the columns that estimates have."""


def create(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Make an empty table with its comments."""
    connection.execute(f"CREATE TABLE {quoted(table.name)} ({declarations(table.columns)})")
    for statement in comments(table):
        connection.execute(statement)


def load_parquet(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    """Create the table of these files and fill it from Parquet files of exactly its schema.

    Raises:
        EmcError: a file is missing, damaged, of another schema, has an empty value where none is
            allowed, or has a row of an unplanned cell or of another file.
    """
    files.refuse_missing()
    create(connection, files.table)
    if files.paths:
        with files.reading():
            _refuse_other_schemas(connection, files)
            _insert(connection, files)
        _refuse_repeated_rows(connection, files)
        _refuse_unplanned_cells(connection, files)


def load_estimates(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    """Create the tables `estimates` and `rates` and fill them from JSON documents.

    Raises:
        EmcError: a file is missing, damaged, lacks a value, has numbers that no measurement has,
            or answers for an unplanned cell or for that of another file.
    """
    files.refuse_missing()
    create(connection, ESTIMATES)
    create(connection, RATES)
    if not files.paths:
        return
    documents = _load_documents(connection, files)
    _insert(connection, documents)
    connection.execute(
        f"INSERT INTO rates SELECT {names(RATES.columns)}"
        " FROM (SELECT cell, unnest(rates, max_depth := 2) FROM documents)"
        f" ORDER BY {_key(RATES)}"
    )
    _refuse_repeated_rows(connection, documents)
    _refuse_unplanned_cells(connection, documents)
    _refuse_impossible(connection, documents)
    connection.execute("DROP TABLE documents")


def load_failures(connection: duckdb.DuckDBPyConnection, failures: Sequence[Failure]) -> None:
    """Create the table `failures` and fill it."""
    create(connection, FAILURES)
    rows = [{"cell": one.cell, "stage": one.stage, "reason": one.reason} for one in failures]
    if rows:
        insert = "INSERT INTO failures SELECT unnest($rows, recursive := true)"
        connection.execute(insert, {"rows": rows})


def _load_documents(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> TableFiles:
    # Two steps: parsed while they are read, 10,000 documents take 1.3 GB instead of 0.1.
    texts = TableFiles(ESTIMATES, files.paths, "read_text($files)")
    with texts.reading():
        texts.rows(connection, "CREATE TEMP TABLE texts AS SELECT filename, content FROM {files}")
    _refuse_mistyped(connection, texts, "texts", ESTIMATES)
    rates = (
        "(SELECT filename, unnest(try(json_extract(content, '$.rates[*]'))) AS content FROM texts)"
    )
    _refuse_mistyped(connection, texts, rates, RATES)
    connection.execute(
        "CREATE TEMP TABLE documents AS SELECT filename,"
        " unnest(try(json_transform_strict(content, $structure))) FROM texts",
        {"structure": json.dumps(_DOCUMENT)},
    )
    connection.execute("DROP TABLE texts")
    documents = TableFiles(ESTIMATES, files.paths, "documents")
    if unreadable := documents.files_where(connection, "rates IS NULL"):
        raise files.refusal(unreadable[0], "damaged or not an estimate")
    return documents


def _refuse_mistyped(
    connection: duckdb.DuckDBPyConnection, files: TableFiles, documents: str, table: Table
) -> None:
    """Find in bulk what `refuse_mistyped` would: DuckDB takes 3.5, "4" and true for whole numbers.

    Documents that are none, and values that are missing or empty, are left to what follows.
    """
    columns = {c.name: c for c in table.columns if c.name != "cell" or table is ESTIMATES}
    allowed = [{"name": c.name, "kind": kind} for c in columns.values() for kind in _of(c)]
    found = connection.execute(
        "SELECT filename, name, value FROM (SELECT filename, unnest($names) AS name,"
        " unnest(try(json_type(content, $paths))) AS kind,"
        f" unnest(try(json_extract(content, $paths))) AS value FROM {documents})"
        " ANTI JOIN (SELECT unnest($allowed, recursive := true)) USING (name, kind)"
        " WHERE kind IS NOT NULL ORDER BY ALL LIMIT 1",
        {"names": [*columns], "paths": [f"$.{name}" for name in columns], "allowed": allowed},
    ).fetchone()
    if found:
        file, name, value = found
        raise files.refusal(file, columns[name].told(value))


def _of(column: Column) -> tuple[str, ...]:
    return (*_JSON_TYPES[column.kind], "NULL")


def _insert(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    table = files.table
    columns = names(table.columns)
    try:
        files.rows(
            connection,
            f"INSERT INTO {quoted(table.name)} SELECT {columns} FROM {{files}}"
            f" ORDER BY {_key(table)}",
        )
    except duckdb.ConstraintException:
        required = [quoted(column.name) for column in table.columns if not column.nullable]
        empty = " OR ".join(f"{name} IS NULL" for name in required)
        file = files.files_where(connection, empty)[0]
        raise files.refusal(file, empty_value(table)) from None


def _refuse_other_schemas(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    # In a Parquet schema the whole file is a row without type, and the rows `list` and `element`
    # belong to the list column before them.
    schemas = TableFiles(files.table, files.paths, "parquet_schema($files)").rows(
        connection,
        "SELECT min(file_name), columns FROM ("
        " SELECT file_name, list({'name': name, 'type': duckdb_type} ORDER BY name) AS columns"
        " FROM {files} WHERE duckdb_type IS NOT NULL AND name NOT IN ('list', 'element')"
        " GROUP BY file_name) GROUP BY columns ORDER BY 1",
    )
    for file, columns in schemas:
        found = {column["name"]: column["type"] for column in columns}
        if fault := _schema_fault(files.table, found):
            raise files.refusal(file, fault)


def _schema_fault(table: Table, found: dict[str, str]) -> str | None:
    wanted = {column.name: SQL_TYPES[column.kind] for column in table.columns}
    if found == wanted:
        return None
    return different_columns(table, wanted, found)


def _refuse_repeated_rows(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    table = files.table
    repeated = connection.execute(
        f"SELECT cell FROM {quoted(table.name)} GROUP BY {_key(table)} HAVING count(*) > 1"
        " ORDER BY cell LIMIT 1"
    ).fetchone()
    if repeated:
        bad = files.files_where(connection, "cell = $cell", cell=repeated[0])
        raise files.refusal(" and ".join(bad), f"a row of cell {repeated[0]} occurs twice")


def _refuse_unplanned_cells(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    unplanned = connection.execute(
        f"SELECT loaded.cell FROM {quoted(files.table.name)} AS loaded"
        " ANTI JOIN cells AS planned ON planned.cell = loaded.cell ORDER BY 1 LIMIT 1"
    ).fetchone()
    if unplanned:
        file = files.files_where(connection, "cell = $cell", cell=unplanned[0])[0]
        raise files.refusal(file, f"of cell {unplanned[0]}, which the study does not plan")


def _refuse_impossible(connection: duckdb.DuckDBPyConnection, files: TableFiles) -> None:
    """Find in bulk what `Estimate.fault` would refuse."""
    found = connection.execute(
        "SELECT cell, emc50, low, high, probes FROM"
        " (FROM estimates SELECT cell, emc50, low, high, probes, 1 AS least"
        " UNION ALL FROM estimates SELECT cell, emc50_budget, low_budget, high_budget, probes, 1"
        " UNION ALL FROM rates SELECT cell, emc50, low, high, probes, 0)"
        " WHERE NOT (coalesce(low, emc50, high, 1) > 0"
        " AND coalesce(low, emc50, high, 1) <= coalesce(emc50, high, low, 1)"
        " AND coalesce(emc50, low, high, 1) <= coalesce(high, emc50, low, 1)"
        " AND isfinite(coalesce(high, emc50, low, 1))"
        " AND probes >= least) ORDER BY ALL LIMIT 1"
    ).fetchone()
    if found:
        cell, emc50, low, high, probes = found
        file = files.files_where(connection, "cell = $cell", cell=cell)[0]
        numbers = f"emc50 {emc50}, interval [{low}, {high}], {probes} probes"
        raise files.refusal(file, f"{numbers}: {WANTED}")


def _key(table: Table) -> str:
    return ", ".join(quoted(name) for name in table.key)
