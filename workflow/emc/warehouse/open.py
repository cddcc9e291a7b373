"""A finished database, opened for questions only."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import polars as pl

from emc.errors import EmcError
from emc.warehouse.dictionary import RELATIONS
from emc.warehouse.relations import quoted
from emc.warehouse.stream import ArrowStream

_LOCKED: Final[dict[str, Any]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
}
_ALWAYS: Final = ("cells", "probes", "estimates", "rates", "emc")
_RELATIONS: Final = tuple(relation.name for relation in RELATIONS)


class Warehouse:
    """The views and tables of one study; no query can change it or reach beyond it."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        """Use `open_database`."""
        self.path = path
        self._connection = connection

    def view(self, name: str) -> pl.DataFrame:
        """All rows of a view or table.

        Raises:
            EmcError: there is none of that name.
        """
        return self.sql(f"SELECT * FROM {_known(name)}")

    def count(self, name: str) -> int:
        """Number of rows of a view or table.

        Raises:
            EmcError: there is none of that name.
        """
        return int(self.sql(f"SELECT count(*) FROM {_known(name)}").item())

    def sql(self, query: str, **parameters: Any) -> pl.DataFrame:
        """The answer to one SELECT; `$name` in it stands for the parameter `name`.

        Raises:
            EmcError: the query is not one SELECT, DuckDB refuses it, or two columns of the answer
                have one name.
        """
        with self._complaints():
            statements = self._connection.extract_statements(query)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise EmcError(f"{self.path}: one SELECT is wanted, found: {query.strip()}")
            relation = self._connection.sql(query, params=parameters or None)
            self._refuse_repeated(relation.columns)
            return pl.DataFrame(ArrowStream(relation.__arrow_c_stream__))

    def _refuse_repeated(self, columns: list[str]) -> None:
        if twice := [name for name, count in Counter(columns).items() if count > 1]:
            raise EmcError(
                f"{self.path}: columns of different names are wanted, found"
                f" {', '.join(map(repr, twice))} more than once: leave one out, or rename it with"
                " AS or `* EXCLUDE (...)`"
            )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Give the warehouse; `close` comes at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go of the file."""
        self.close()

    @contextmanager
    def _complaints(self) -> Iterator[None]:
        try:
            yield
        except duckdb.IOException as error:
            raise EmcError(f"{self.path}: cannot be read ({error}){_remedy(self.path)}") from None
        except duckdb.Error as error:
            raise EmcError(f"{self.path}: {error}") from None
        except RuntimeError as error:
            if "interrupted" in str(error).lower():
                raise KeyboardInterrupt from error  # what Ctrl-C becomes within DuckDB
            raise


def _known(name: str) -> str:
    if name not in _RELATIONS:
        raise EmcError(f"no view or table {name!r}: there are {', '.join(_RELATIONS)}")
    return quoted(name)


def open_database(path: Path | str) -> Warehouse:
    """Open the database of a study, read-only; many processes may.

    Raises:
        EmcError: there is none, or the file is no database of a study.
    """
    path = Path(path)
    if not path.is_file():
        advice = f"; `snakemake {path}` makes it" if _of_a_study(path) else ""
        raise EmcError(f"{path}: no such database{advice}")
    try:
        warehouse = Warehouse(path, duckdb.connect(path, read_only=True, config=_LOCKED))
    except duckdb.Error as error:
        if not _of_a_study(path):
            raise EmcError(f"{path}: no database of a study: {error}") from None
        raise EmcError(f"{path}: cannot be opened ({error}){_remedy(path)}") from None
    _refuse_foreign(warehouse)
    return warehouse


def _remedy(path: Path) -> str:
    return f"; remove it: `snakemake {path}` remakes it" if _of_a_study(path) else ""


def _of_a_study(path: Path) -> bool:
    """Whether it lies where a rule puts databases."""
    return path.absolute().parts[-4:-2] == ("results", "studies")


def _refuse_foreign(warehouse: Warehouse) -> None:
    """Refuse what has not even those relations that every version has had."""
    found = warehouse.sql("SELECT table_name FROM information_schema.tables")["table_name"]
    if absent := [name for name in _ALWAYS if name not in found]:
        warehouse.close()
        raise EmcError(
            f"{warehouse.path}: no database of a study: it has no table or view"
            f" {', '.join(map(repr, absent))}"
        )
