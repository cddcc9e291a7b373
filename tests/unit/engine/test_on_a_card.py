"""What only a card can show, of all back ends but the persistent one's: see test_card.

It has never been run there; on the processor the same calls run in the tests of each back end.
"""

from pathlib import Path

import pytest
import torch
from tests.unit.engine.cases import (
    BEYOND_SGD,
    TokenNet,
    assert_same_training,
    procedure,
    replicas,
)
from tests.unit.engine.interrupted import assert_same_bits, to_the_end

from emc.data.prepare import prepare
from emc.engine.procedure import Procedure, Update
from emc.engine.sequential import Sequential
from emc.engine.stacked import vmap
from emc.engine.stacked.compiled import Compiled
from emc.engine.stacked.vmap import Vmap
from emc.measurement.job import measure
from emc.store.columns import PROBES
from emc.store.layout import Results
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

CARD = "cuda"
BACK_ENDS = (Sequential, Vmap, Compiled)
VIT = procedure(layers=None, module=TokenNet, update=Update("adamw", weight_decay=0.01))
CELL = {
    "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
    "labels": "random",
    "architecture": {"name": "mlp", "depth": 1, "width": 3},
    "budget": {"epochs": 20},
    "finish": {"iterations": 20, "effort": 1},
    "search": {"tolerance": 0.5, "probes": 16},
}

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device"),
]


@pytest.mark.parametrize(("update", "lr"), BEYOND_SGD, ids=lambda given: getattr(given, "name", ""))
def test_newer_optimizers_train_as_on_the_processor(update: Update, lr: float) -> None:
    asked, given = procedure(update=update), replicas([20, 33], lr)
    found, expected = Vmap(CARD).run(asked, given), Sequential("cpu").run(asked, given)
    for one, reference in zip(found, expected, strict=True):
        assert_same_training(one, reference, tolerance=1e-3)


@pytest.mark.parametrize("back_end", BACK_ENDS)
@pytest.mark.parametrize("asked", [procedure(), VIT], ids=["mlp", "vit"])
def test_a_killed_call_goes_on_to_the_same_bits_and_is_the_reference(
    back_end: type[Vmap | Sequential], asked: Procedure
) -> None:
    trainer, given = back_end(CARD), replicas([20, 33], lr=0.01)
    calm = trainer.run(asked, given)
    resumed, _ = to_the_end(lambda kept: trainer.run(asked, given, kept))
    assert_same_bits(resumed, calm)
    for one, reference in zip(calm, Sequential("cpu").run(asked, given), strict=True):
        assert_same_training(one, reference, tolerance=1e-3)


def test_memory_that_ends_halves_the_replicas(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A step of all takes about 60 MB, and there are 40."""
    monkeypatch.setattr(vmap, "replicas_at_once", lambda *_: 1024)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(40e6 / total)
    try:
        runs = Vmap(CARD).run(procedure(epochs=1, batch=100), replicas([100] * 1024))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(runs) == 1024
    assert "going on with half" in caplog.text


@pytest.mark.parametrize("net", ["mlp", "mlp-mixer"])
def test_a_job_measures_a_cell_there(
    net: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMC_GPU_GAIN", "0")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    mixer = {"name": net, "depth": 1, "width": 4, "patch": 4}
    other = {"dataset": "digits", "architecture": mixer, "search": {"probes": 4}}
    cell = Cell.model_validate(CELL if net == "mlp" else CELL | other)
    results = Results(tmp_path)
    prepare(cell.dataset, results.data(dataset_id(cell.dataset)), None)
    measure(cell, results, device="auto", back_end=None)
    probes = read_table(results.cell(cell_id(cell)).probes, PROBES, "measure")
    assert set(probes["device"]) == {CARD}
    assert probes["card"].null_count() == 0
