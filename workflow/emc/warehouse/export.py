"""The database as Parquet files with a Frictionless Data Package that describes them."""

import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from emc.store.atomic import write_bytes_atomically, write_text_atomically
from emc.store.columns import Column, ColumnKind, Table
from emc.warehouse.dictionary import RELATIONS
from emc.warehouse.open import Warehouse
from emc.warehouse.relations import Relation

DESCRIPTION: Final = "datapackage.json"

_TYPES: Final[Mapping[ColumnKind, str]] = {
    "text": "string",
    "whole": "integer",
    "real": "number",
    "truth": "boolean",
    "texts": "array",
    "wholes": "array",
    "reals": "array",
}


def export(warehouse: Warehouse, folder: Path, study: str, title: str) -> None:
    """Write every table and view into `folder` as Parquet, and `datapackage.json` beside them."""
    for relation in RELATIONS:
        content = BytesIO()
        warehouse.view(relation.name).write_parquet(content)
        write_bytes_atomically(folder / f"{relation.name}.parquet", content.getvalue())
    text = json.dumps(description(study, title), indent=1)
    write_text_atomically(folder / DESCRIPTION, text + "\n")


def description(study: str, title: str) -> dict[str, Any]:
    """The Data Package descriptor: one resource per table or view, each column with its meaning."""
    return {
        "profile": "data-package",
        "name": study,
        "title": title,
        "description": "Effective Model Complexity: how many samples training procedures fit.",
        "resources": [_resource(relation) for relation in RELATIONS],
    }


def _resource(relation: Relation) -> dict[str, Any]:
    key = {"primaryKey": list(relation.key)} if isinstance(relation, Table) else {}
    return {
        "name": relation.name.replace("_", "-"),
        "path": f"{relation.name}.parquet",
        "format": "parquet",
        "mediatype": "application/vnd.apache.parquet",
        "description": relation.meaning,
        "schema": {"fields": [_field(column) for column in relation.columns], **key},
    }


def _field(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": _TYPES[column.kind],
        "description": column.meaning,
        "constraints": {"required": not column.nullable},
    }
