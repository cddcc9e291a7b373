"""The result files of one table: how DuckDB reads them, and what to say of a bad one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb

from emc.errors import EmcError
from emc.store.columns import Table
from emc.store.layout import REMADE_BY

_OF_FILES: Final = (
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.ConversionException,
)
"""What DuckDB raises of a damaged file, beside its plain `Error`, as 2.0.1 does of a bad footer."""


@dataclass(frozen=True, slots=True)
class TableFiles:
    """Files of one table and the SQL that reads them, which gives a column `filename` too."""

    table: Table
    paths: Sequence[Path]
    reader: str = "read_parquet($files, filename = true)"

    def refuse_missing(self) -> None:
        """Raise for the first path without a file."""
        for path in self.paths:
            if path.is_dir():
                raise self.refusal(path, "a folder in a file's place")
            if not path.is_file():
                raise EmcError(f"{path}: no such file; {REMADE_BY} makes it")

    def refusal(self, file: object, reason: str) -> EmcError:
        """The error that names a bad file and the way out."""
        return EmcError(f"{file}: {reason}; remove it: {REMADE_BY} remakes it")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Turn DuckDB's error about a damaged file, which names it, into one for the user."""
        try:
            yield
        except duckdb.Error as e:
            if not (isinstance(e, _OF_FILES) or type(e) is duckdb.Error):
                raise
            said = str(e)
            file = next((path for path in self.paths if str(path) in said), self.paths[0].parent)
            raise self.refusal(file, f"damaged ({said.splitlines()[0]})") from e

    def rows(
        self, connection: duckdb.DuckDBPyConnection, query: str, **parameters: Any
    ) -> list[tuple[Any, ...]]:
        """Answer a query that reads `FROM {files}`."""
        # Characters of file name patterns must stand for themselves.
        files = [_literal(str(path)) for path in self.paths]
        used = {"files": files} if "$files" in self.reader else {}
        text = query.replace("{files}", self.reader)
        return connection.execute(text, {**used, **parameters}).fetchall()

    def files_where(
        self, connection: duckdb.DuckDBPyConnection, condition: str, **parameters: Any
    ) -> list[str]:
        """Names of the files with a row that meets an SQL condition, sorted."""
        query = f"SELECT DISTINCT filename FROM {self.reader} WHERE {condition} ORDER BY 1"
        return [name for (name,) in self.rows(connection, query, **parameters)]


def _literal(path: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in path)
