"""The claims of the study's author, kept in the database so that it answers for itself."""

import json
from collections.abc import Sequence
from typing import Final

import duckdb

from emc.store.columns import Column, Table
from emc.study.claims import AskedClaim
from emc.warehouse.loading import create

ASKED: Final = Table(
    "claims",
    "Claims that the study's author makes; those of the published study are not listed.",
    ("claim",),
    (
        Column("claim", "text", "name"),
        Column("compare", "text", "factor whose levels are compared"),
        Column("levels", "text", "its two levels, as JSON"),
        Column("expect", "text", "what EMC at the first is to the second: greater, less or equal"),
        Column("margin", "real", "ratio up to which equal counts as equal"),
        Column("conditions", "text", "levels of other factors that both must have, as JSON"),
    ),
)


def load_claims(connection: duckdb.DuckDBPyConnection, claims: Sequence[AskedClaim]) -> None:
    """Make the table and fill it."""
    create(connection, ASKED)
    for claim in claims:
        row = (
            claim.name,
            claim.compare,
            json.dumps(claim.levels),
            claim.expect,
            claim.margin,
            json.dumps(claim.where),
        )
        connection.execute("INSERT INTO claims VALUES (?, ?, ?, ?, ?, ?)", row)
