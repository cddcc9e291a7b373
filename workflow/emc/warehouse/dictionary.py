"""The data dictionary: every table and view, every column, its type and its meaning."""

from typing import Final

from emc.store.columns import TABLES
from emc.warehouse.build import VERSIONS
from emc.warehouse.claims import ASKED
from emc.warehouse.datasets import DATASETS
from emc.warehouse.refits import EMC_BY_BUDGET, EMC_BY_THRESHOLD
from emc.warehouse.relations import SQL_TYPES, Relation, View
from emc.warehouse.runs import RUNS
from emc.warehouse.views import VIEWS

RELATIONS: Final[tuple[Relation, ...]] = (
    *VIEWS,
    RUNS,
    EMC_BY_BUDGET,
    EMC_BY_THRESHOLD,
    *TABLES,
    DATASETS,
    ASKED,
    VERSIONS,
)
"""All views and tables of the database, views first."""


def data_dictionary() -> str:
    """The dictionary as Markdown: one section per view or table."""
    return "\n".join(_section(relation) for relation in RELATIONS)


def _section(relation: Relation) -> str:
    kind = "view" if isinstance(relation, View) else "table"
    rows = (
        f"| `{column.name}` | {SQL_TYPES[column.kind]} | {'yes' if column.nullable else ''} |"
        f" {column.unit} | {column.meaning} |\n"
        for column in relation.columns
    )
    return (
        f"## {relation.name} ({kind})\n\n{relation.meaning}\n\n"
        "| column | type | may be empty | unit | meaning |\n| --- | --- | --- | --- | --- |\n"
        f"{''.join(rows)}"
    )
