"""The data sets of a study: where they come from, and what stands in the way of a fit."""

from pathlib import Path
from typing import Any, Final

import duckdb

from emc.data.manifest import MANIFEST, read_manifest
from emc.store.columns import Column, Table
from emc.store.failures import failed_data
from emc.store.layout import Results
from emc.study.datasets import dataset_name
from emc.study.identity import dataset_from_definition, dataset_id
from emc.warehouse.loading import create

DATASETS: Final = Table(
    "datasets",
    "The data sets that the cells draw from; one that is not prepared has its name only.",
    ("dataset",),
    (
        Column("dataset", "text", "id: the data set's folder"),
        Column("name", "text", "name, as in `cells`"),
        Column("definition", "text", "all that the study says of it, as in a cell's definition"),
        Column("reason", "text", "the error, where it could not be prepared", True),
        Column("prepared", "truth", "its files are there; otherwise all that follows is empty"),
        Column("origin", "text", "where the original comes from", True),
        Column("licence", "text", "under which terms", True),
        Column("files", "texts", "original files, each with its md5", True),
        Column("notes", "texts", "what is surprising in the originals and was accepted", True),
        Column("sha256", "text", "checksum of the prepared tensors", True),
        Column("preprocessing", "text", "what was done to the inputs", True),
        Column("split", "text", "where the test part comes from", True),
        Column("shape", "wholes", "shape of one input", True),
        Column("classes", "whole", "classes of its own labels", True),
        Column("samples", "whole", "training samples", True),
        Column("test_samples", "whole", "test samples", True),
        Column("duplicates", "whole", "training samples whose input an earlier one has", True),
        Column("conflicts", "whole", "inputs with more than one label: they bound EMC", True),
        Column("pairs", "whole", "pairs of training samples with equal inputs", True),
        Column("conflicting_pairs", "whole", "of these: with different labels", True),
    ),
)


def load_datasets(connection: duckdb.DuckDBPyConnection, results: Results) -> None:
    """Make the table from the manifests of all data sets that the table `cells` names.

    Raises:
        FileError: a manifest is damaged.
    """
    create(connection, DATASETS)
    named = connection.execute(
        "SELECT DISTINCT definition -> '$.dataset' FROM cells ORDER BY 1"
    ).fetchall()
    holes = ", ".join(f"${column.name}" for column in DATASETS.columns)
    for (definition,) in named:
        row = _row(definition, results)
        connection.execute(f"INSERT INTO datasets VALUES ({holes})", row)


def _row(definition: str, results: Results) -> dict[str, Any]:
    dataset = dataset_from_definition(definition)
    identity = dataset_id(dataset)
    empty: dict[str, Any] = {column.name: None for column in DATASETS.columns}
    known = {"dataset": identity, "name": dataset_name(dataset), "definition": definition}
    folder = results.data(identity)
    if failed := failed_data(folder):
        return empty | known | {"prepared": False, "reason": failed.reason}
    prepared = (folder / MANIFEST).is_file()
    return empty | known | {"prepared": prepared} | (_manifest(folder) if prepared else {})


def _manifest(folder: Path) -> dict[str, Any]:
    manifest = read_manifest(folder)
    return {
        "origin": manifest.origin,
        "licence": manifest.licence,
        "files": [f"{file.name} {file.md5}" for file in manifest.files],
        "notes": list(manifest.notes),
        "sha256": manifest.sha256,
        "preprocessing": manifest.preprocessing,
        "split": manifest.split,
        "shape": list(manifest.shape),
        "classes": manifest.classes,
        "samples": manifest.samples,
        "test_samples": manifest.test_samples,
        "duplicates": manifest.equal_inputs.duplicates,
        "conflicts": manifest.equal_inputs.conflicts,
        "pairs": manifest.equal_inputs.pairs,
        "conflicting_pairs": manifest.equal_inputs.conflicting_pairs,
    }
