"""A job beside another of the same cell."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest

from emc.data.prepare import prepare
from emc.measurement import job
from emc.measurement.job import measure
from emc.store.journal import Journal
from emc.store.layout import Results
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": 0.1},
        "budget": {"epochs": 20},
        "finish": {"iterations": 60, "effort": 1000},
        "search": {"tolerance": 0.5, "probes": 8},
    }
)


def test_a_job_that_waits_for_another_takes_no_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CUDA would keep to that card, even where another is free when the job may begin."""
    results = Results(tmp_path)
    files = results.cell(cell_id(CELL))
    prepare(CELL.dataset, results.data(dataset_id(CELL.dataset)), None)
    other = Journal(files.journal, cell_id(CELL))
    told = []

    def wait(_: float) -> None:
        told.append("waits")
        other.close()

    def take() -> AbstractContextManager[None]:
        told.append("has a card")
        return nullcontext()

    monkeypatch.setattr(job, "sleep", wait)
    monkeypatch.setattr(job, "one_card", take)
    measure(CELL, results, device="auto", back_end=None)
    assert told == ["waits", "has a card"]
    assert files.measured
