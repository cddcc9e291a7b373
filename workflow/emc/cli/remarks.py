"""What else a reader should know of a measured cell's number, as its plan and its data tell."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from emc.data.conflicts import bounding, pairs_in_conflict
from emc.data.manifest import MANIFEST, read_manifest
from emc.records import Estimate
from emc.store.documents import canonical
from emc.store.failures import failed_data
from emc.store.layout import Results
from emc.store.plan import planned_row
from emc.study.identity import dataset_from_definition, dataset_id
from emc.study.optimizers import decay_apart


def remarks(found: Estimate, results: Results) -> Iterator[str]:
    """One line each; nothing of a cell that no study of these results plans."""
    planned = planned_row(results, found.cell)
    if planned is None or found.emc50 is None:
        return
    if apart := decay_apart(planned["optimizer"], planned["weight_decay"]):
        yield apart
    if conflicts := _conflicts(planned, results, found.emc50):
        yield conflicts


def _conflicts(planned: Mapping[str, Any], results: Results, n: float) -> str | None:
    """That equal inputs with different labels may end the fit of n samples."""
    definition = json.loads(planned["definition"])
    folder = results.data(dataset_id(dataset_from_definition(canonical(definition["dataset"]))))
    if failed_data(folder) or not (folder / MANIFEST).is_file():
        return None
    manifest = read_manifest(folder)
    classes = planned["classes"] or manifest.classes  # a plan before the data were known has none
    pairs = pairs_in_conflict(manifest.equal_inputs, planned["labels"], classes)
    return bounding(pairs, manifest.samples, n, planned["criterion"])
