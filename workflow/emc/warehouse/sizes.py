"""Sizes of cells that nobody knew when the study was planned."""

from typing import Final

import duckdb

from emc.study.datasets import Facts
from emc.study.factors import levels
from emc.study.identity import from_canonical

_UNKNOWN: Final = """
SELECT c.cell, c.definition, d.shape, d.classes, d.samples
FROM cells AS c JOIN datasets AS d ON d.definition = (c.definition -> '$.dataset')
WHERE d.prepared AND (c.samples IS NULL OR c.parameters IS NULL)
"""
_SIZES: Final = ("classes", "samples", "parameters", "trainable", "bits")


def fill_sizes(connection: duckdb.DuckDBPyConnection) -> None:
    """Give cells the sizes that the manifests of their data sets tell.

    Raises:
        EmcError: a plug-in whose net a cell names cannot be loaded.
    """
    assigned = ", ".join(f"{name} = ${name}" for name in _SIZES)
    for cell, definition, shape, classes, samples in connection.execute(_UNKNOWN).fetchall():
        known = from_canonical(definition).knowing(Facts(tuple(shape), classes, samples))
        found = levels(known)
        connection.execute(
            f"UPDATE cells SET {assigned} WHERE cell = $cell",
            {"cell": cell, **{name: found[name] for name in _SIZES}},
        )
