"""Measurements that end inside their rounds and go on from there."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emc.data.prepare import prepare
from emc.engine.checkpoint import Checkpoints, Snapshot
from emc.engine.choose import probes_in_slices
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.slices import InSlices, alone
from emc.errors import Stopped
from emc.jobs.stop import Stop
from emc.measurement import checkpoints as checkpoints_module
from emc.measurement import rounds
from emc.measurement.checkpoints import RoundCheckpoints
from emc.measurement.finishing import Finishing
from emc.measurement.measure import Measuring
from emc.measurement.state import Status, state
from emc.records import Ended
from emc.store.checkpoint import beside
from emc.store.columns import PROBES
from emc.store.layout import CellFiles, Results
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

CELL = Cell.model_validate(
    {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": [0.01, 0.1]},
        "budget": {"epochs": 30},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.3, "probes": 24},
    }
)


class AlwaysSet(Stop):
    """Asked to stop from the first look on."""

    def is_set(self) -> bool:
        return True


class AskedLater(Stop):
    """Asked to stop once `asked` is set."""

    asked = False

    def is_set(self) -> bool:
        return self.asked


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = Results(tmp_path).data(dataset_id(CELL.dataset))
    prepare(CELL.dataset, folder, None)
    return folder


def measure(data: Path, files: CellFiles, back_end: str, stop: Stop | None = None) -> None:
    alone(Measuring(CELL, data, files, "cpu", back_end, stop).answered())


def probes(files: CellFiles) -> list[dict[str, Any]]:
    table = read_table(files.probes, PROBES, "measure").drop("seconds", "finish_seconds")
    return list(table.iter_rows(named=True))


@pytest.mark.parametrize("back_end", ["native", "vmap", "sequential"])
def test_stopped_again_and_again_it_ends_with_the_same_probes(
    data: Path, tmp_path: Path, back_end: str
) -> None:
    calm, stopped = (Results(tmp_path / name).cell(cell_id(CELL)) for name in ("calm", "stopped"))
    measure(data, calm, back_end)
    for _ in range(20):
        with pytest.raises(Stopped, match="the same command goes on"):
            measure(data, stopped, back_end, AlwaysSet())
    assert state(stopped).status is Status.STOPPED
    measure(data, stopped, back_end)
    assert probes(stopped) == probes(calm)
    assert not beside(stopped.journal).exists()


def test_a_stop_between_finishes_keeps_what_was_trained(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, stopped = (Results(tmp_path / name).cell(cell_id(CELL)) for name in ("calm", "stopped"))
    measure(data, calm, "native")
    stop, finished = AskedLater(), Finishing.finished

    def asks(finishing: Finishing, replica: Replica, run: TrainedRun) -> object:
        stop.asked = run.ended is not Ended.FIT
        return finished(finishing, replica, run)

    monkeypatch.setattr(Finishing, "finished", asks)
    with pytest.raises(Stopped, match="the same command goes on"):
        measure(data, stopped, "native", stop)
    monkeypatch.undo()
    found: list[Snapshot | None] = []

    def looks(
        procedure: Procedure, replicas: list[Replica], *, checkpoints: Checkpoints, **how: Any
    ) -> InSlices[list[TrainedRun]]:
        found.append(checkpoints.load())
        return probes_in_slices(procedure, replicas, checkpoints=checkpoints, **how)

    monkeypatch.setattr(rounds, "probes_in_slices", looks)
    measure(data, stopped, "native")
    assert found[0] is not None
    assert found[0].facts["parts"].keys() == {"runs"}
    assert probes(stopped) == probes(calm)


def test_a_damaged_checkpoint_costs_the_round_and_nothing_else(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    calm, damaged = (Results(tmp_path / name).cell(cell_id(CELL)) for name in ("calm", "damaged"))
    measure(data, calm, "vmap")
    for _ in range(5):
        with pytest.raises(Stopped):
            measure(data, damaged, "vmap", AlwaysSet())
    file = beside(damaged.journal)
    file.write_bytes(file.read_bytes()[:-1])
    measure(data, damaged, "vmap")
    assert f"{file}: damaged" in caplog.text
    assert probes(damaged) == probes(calm)


def test_it_is_due_when_time_has_passed_since_the_last_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(checkpoints_module, "monotonic", lambda: clock[-1])
    kept = RoundCheckpoints(tmp_path / "round.checkpoint", "a", 60.0, Stop())
    for now, due in ((59.0, False), (60.0, True), (61.0, True)):
        clock.append(now)
        assert kept.due() is due
    kept.save(Snapshot({"epochs": 1}, {"0": np.zeros(2)}))
    assert not kept.due()
    clock.append(121.0)
    assert kept.due()


def test_a_save_that_takes_long_is_made_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(checkpoints_module, "monotonic", lambda: clock[-1])
    monkeypatch.setattr(checkpoints_module, "write_checkpoint", lambda *_: clock.append(110.0))
    kept = RoundCheckpoints(tmp_path / "round.checkpoint", "a", 60.0, None)
    clock.append(100.0)
    kept.save(Snapshot({}, {}))
    for now, due in ((171.0, False), (309.0, False), (310.0, True)):
        clock.append(now)
        assert kept.due() is due


def test_a_stop_is_due_at_once_and_raised_after_the_save(tmp_path: Path) -> None:
    kept = RoundCheckpoints(tmp_path / "round.checkpoint", "a", 60.0, AlwaysSet())
    assert kept.due()
    with pytest.raises(Stopped, match="the round under way is saved"):
        kept.save(Snapshot({"epochs": 1}, {}))
    found = kept.load()
    assert found is not None
    assert found.facts == {"epochs": 1}


def test_another_rounds_checkpoint_is_not_taken_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "round.checkpoint"
    RoundCheckpoints(path, "a", 60.0, None).save(Snapshot({}, {}))
    with caplog.at_level(logging.INFO):
        assert RoundCheckpoints(path, "b", 60.0, None).load() is None
    assert "of another round" in caplog.text
