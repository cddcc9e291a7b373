"""Rows for the page's JSON, column by column, each in its shortest form."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NamedLists = Mapping[str, Sequence[Any]]


def columnar(columns: NamedLists) -> dict[str, Any]:
    """`{"rows": count, "columns": {name: column}}`; a column is one of three forms.

    `{"same": value}` where all rows agree, `{"levels": [...], "at": [...]}` (places in `levels`)
    where values repeat, `{"values": [...]}` otherwise. `assets/columns.js` reads them.
    """
    rows = max((len(values) for values in columns.values()), default=0)
    return {
        "rows": rows,
        "columns": {name: _shortest(values) for name, values in columns.items()},
    }


def transposed(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows of equal keys as columns."""
    kept = list(rows)
    names = kept[0] if kept else ()
    return {name: [row[name] for row in kept] for name in names}


def _shortest(values: Sequence[Any]) -> dict[str, Any]:
    levels = list(dict.fromkeys(values))
    if len(levels) == 1:
        return {"same": levels[0]}
    if 2 * len(levels) > len(values):
        return {"values": list(values)}
    places = {level: place for place, level in enumerate(levels)}
    return {"levels": levels, "at": [places[value] for value in values]}
