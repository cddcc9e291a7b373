"""A finished database, opened for questions only: nothing can change it while it is open."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from weakref import WeakKeyDictionary

import duckdb
import polars as pl

from emc.error_texts import says_foreign_log, says_interrupted, says_locked
from emc.errors import EmcError
from emc.store.layout import log_of
from emc.warehouse.dictionary import RELATIONS
from emc.warehouse.relations import quoted
from emc.warehouse.stream import ArrowStream

_LOCKED: Final[dict[str, Any]] = {
    "enable_external_access": False,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
    "python_enable_replacements": False,
    # Of several threads DuckDB 2.0 can wait for ever once a query is interrupted.
    "threads": 1,
    "lock_configuration": True,
}
_ALWAYS: Final = ("cells", "probes", "estimates", "rates", "emc")
_RELATIONS: Final = tuple(relation.name for relation in RELATIONS)


class Warehouse:
    """The views and tables of one study; no query can change it or reach beyond it."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, study: Path | None
    ) -> None:
        """Use `open_database`."""
        self.path = path
        self._connection = connection
        self._study = study

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
        with self._duckdb_errors():
            return _frame(self._asked(query, parameters))

    def printable(self, query: str, *, nested: bool) -> pl.DataFrame:
        """The same with text in place of what can be printed in no other way.

        These are intervals, times, bytes and unions, and all but plain lists unless `nested`.

        Raises:
            EmcError: as for `sql`.
        """
        with self._duckdb_errors():
            asked = self._asked(query, {})
            columns = [
                name if _is_printable(str(kind), nested=nested) else f"{name}::VARCHAR AS {name}"
                for name, kind in zip(map(quoted, asked.columns), asked.types, strict=True)
            ]
            return _frame(asked.project(", ".join(columns)))

    def _asked(self, query: str, parameters: dict[str, Any]) -> duckdb.DuckDBPyRelation:
        statements = self._connection.extract_statements(query)
        if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
            raise EmcError(f"{self.path}: expected one SELECT, found: {query.strip()}")
        relation = self._connection.sql(query, params=parameters or None)
        self._refuse_repeated(relation.columns)
        return relation

    def _of_another_version(self) -> str:
        """What to add where relations lack columns that they have in this version."""
        found = self._connection.sql("SELECT table_name, column_name FROM duckdb_columns()")
        there = set(found.fetchall())
        for relation in RELATIONS:
            lacking = [c.name for c in relation.columns if (relation.name, c.name) not in there]
            if lacking:
                return (
                    f"; another version of the program made it: {relation.name!r} has no column"
                    f" {lacking[0]!r}{_remedy(self.path, self._study)}"
                )
        return ""

    def _refuse_repeated(self, columns: list[str]) -> None:
        if twice := [name for name, count in Counter(columns).items() if count > 1]:
            raise EmcError(
                f"{self.path}: expected columns of different names, found"
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
    def _duckdb_errors(self) -> Iterator[None]:
        try:
            yield
        except duckdb.IOException as error:
            remedy = _remedy(self.path, self._study)
            raise EmcError(f"{self.path}: cannot be read ({error}){remedy}") from None
        except duckdb.BinderException as error:
            raise EmcError(f"{self.path}: {error}{self._of_another_version()}") from None
        except duckdb.Error as error:
            raise EmcError(f"{self.path}: {error}") from None
        except RuntimeError as error:
            if says_interrupted(error):
                raise KeyboardInterrupt from error  # what Ctrl-C becomes within DuckDB
            raise


def _frame(relation: duckdb.DuckDBPyRelation) -> pl.DataFrame:
    return pl.DataFrame(ArrowStream(relation.__arrow_c_stream__))


_TEXT_ONLY: Final = re.compile("INTERVAL|UNION|BLOB|BIT|DATE|TIME|VARIANT|GEOMETRY")
_NESTED: Final = re.compile(r"STRUCT|MAP|\]\[|\[\d")


def _is_printable(kind: str, *, nested: bool) -> bool:
    """Whether polars can print a type of DuckDB's, which stands in its words."""
    bare = re.sub("'[^']*'|\"[^\"]*\"", "", kind)
    return not _TEXT_ONLY.search(bare) and (nested or not _NESTED.search(bare))


def _known(name: str) -> str:
    if name not in _RELATIONS:
        raise EmcError(f"view or table: expected one of {', '.join(_RELATIONS)}, found {name!r}")
    return quoted(name)


def open_database(path: Path | str, study: Path | None = None) -> Warehouse:
    """Open the database of a study, read-only; many processes may.

    `study` is the study file, where it is known: errors say how it remakes the database.

    Raises:
        EmcError: there is none, another program writes to it, or the file is no database of a
            study.
    """
    path = Path(path)
    if not path.is_file():
        advice = f"; {_run(path, study)} makes it" if _of_a_study(path) else ""
        raise EmcError(f"{path}: no such database{advice}")
    try:
        connection = duckdb.connect(path, read_only=True, config=_LOCKED)
    except duckdb.Error as error:
        raise EmcError(f"{path}: {_refusal(path, study, error)}") from None
    warehouse = Warehouse(path, connection, study)
    _refuse_foreign(warehouse)
    return warehouse


def _refusal(path: Path, study: Path | None, error: duckdb.Error) -> str:
    """Why DuckDB does not open a file, and what helps."""
    if says_locked(error):
        return f"another program has it open for writing: close it there ({error})"
    if log_of(path).exists() and says_foreign_log(error):
        return (
            f"a program that had it open for writing was killed, and left changes that do not go"
            f" with this file ({error}); remove {log_of(path)}"
        )
    if _of_a_study(path):
        return f"cannot be opened ({error}){_remedy(path, study)}"
    return f"no database of a study: {error}"


def _remedy(path: Path, study: Path | None) -> str:
    return f"; remove it: {_run(path, study)} remakes it" if _of_a_study(path) else ""


def _run(path: Path, study: Path | None) -> str:
    """The command that makes the database of a study."""
    if study is None:
        file = f"FILE`, with the file of study {path.absolute().parts[-2]!r},"
    else:
        file = f"{quote(str(study))}`"
    return f"`emc run {file}"


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


Returned = TypeVar("Returned")


def once(question: Callable[[Warehouse], Returned]) -> Callable[[Warehouse], Returned]:
    """Ask each open database at most once; all who ask share the answer and leave it as it is."""
    known: WeakKeyDictionary[Warehouse, Returned] = WeakKeyDictionary()

    @wraps(question)
    def asked(warehouse: Warehouse) -> Returned:
        if warehouse not in known:
            known[warehouse] = question(warehouse)
        return known[warehouse]

    return asked
