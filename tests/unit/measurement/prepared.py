"""Cells measured as a job measures them."""

from pathlib import Path

from emc.data.prepare import prepare
from emc.measurement.job import measure
from emc.store.layout import Results
from emc.study import Cell
from emc.study.identity import dataset_id


def measured(one: Cell, folder: Path) -> Results:
    results = Results(folder)
    prepare(one.dataset, results.data(dataset_id(one.dataset)), None)
    measure(one, results, device="cpu", back_end=None)
    return results
