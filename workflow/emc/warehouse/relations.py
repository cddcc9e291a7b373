"""Tables and views as SQL: how they are declared and commented."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from emc.store.columns import Column, ColumnKind, Table

SQL_TYPES: Final[Mapping[ColumnKind, str]] = {
    "text": "VARCHAR",
    "whole": "BIGINT",
    "real": "DOUBLE",
    "truth": "BOOLEAN",
    "texts": "VARCHAR[]",
    "wholes": "BIGINT[]",
    "reals": "DOUBLE[]",
}


@dataclass(frozen=True, slots=True)
class View:
    """A question with a name: its columns in order and the SELECT that answers it."""

    name: str
    meaning: str
    columns: tuple[Column, ...]
    query: str


Relation = Table | View


def quoted(name: str) -> str:
    """A name as SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def names(columns: tuple[Column, ...], table: str = "") -> str:
    """Column names for a SELECT, each of `table` where one is given."""
    prefix = f"{table}." if table else ""
    return ", ".join(prefix + quoted(column.name) for column in columns)


def declarations(columns: tuple[Column, ...]) -> str:
    """Column names with type and NOT NULL, for a CREATE TABLE."""
    return ", ".join(
        f"{quoted(column.name)} {SQL_TYPES[column.kind]}{'' if column.nullable else ' NOT NULL'}"
        for column in columns
    )


def comments(relation: Relation) -> list[str]:
    """Statements that put the meaning of the relation and of its columns into the database."""
    kind = "VIEW" if isinstance(relation, View) else "TABLE"
    place = quoted(relation.name)
    return [
        f"COMMENT ON {kind} {place} IS {_literal(relation.meaning)}",
        *(
            f"COMMENT ON COLUMN {place}.{quoted(column.name)} IS {_literal(column.meaning)}"
            for column in relation.columns
        ),
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
