"""A procedure on the whole training set, and on samples that it has not seen."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.measurement.prepared import measured

from emc.data.prepare import prepare
from emc.data.samples import open_samples
from emc.engine import run_probes
from emc.engine.evaluate import evaluate
from emc.errors import EmcError, FileError
from emc.measurement import generalise as generalise_module
from emc.measurement.generalise import generalisation_of, generalise
from emc.measurement.procedure import procedure
from emc.records import Generalisation
from emc.store.columns import GENERALISATION
from emc.store.failures import failures
from emc.store.layout import Results
from emc.store.rows import generalisation_row
from emc.store.tables import frame, read_table
from emc.study import Cell, cell_id


def cell(**changes: Any) -> Cell:
    keys = {
        "dataset": "digits",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "optimizer": {"name": "adam", "lr": [0.01, 0.03]},
        "budget": {"epochs": 3},
        "finish": {"iterations": 60, "effort": 1},
        "search": {"tolerance": 0.5, "probes": 8},
    }
    return Cell.model_validate(keys | changes)


def test_every_training_sample_is_trained_on_and_every_test_sample_tested(tmp_path: Path) -> None:
    one = cell()
    results = measured(one, tmp_path)
    rows = generalisation_of(one, 2, results, device="cpu")
    samples = open_samples(results.data("digits"))
    assert [row.seed for row in rows] == [0, 1]
    assert {(row.n, row.test_samples) for row in rows} == {(samples.n, samples.test().n)}
    assert {row.lr for row in rows} <= {0.01, 0.03}
    assert rows[0].train_loss != rows[1].train_loss
    for row in rows:
        assert row.gap == row.train_accuracy - row.test_accuracy
        assert 0.1 < row.test_accuracy < 1
        assert row.epochs == 3
    assert frame(GENERALISATION, map(generalisation_row, rows)).height == 2


def test_a_data_set_without_test_samples_is_told_before_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.csv").write_text("x,y\n1,a\n2,a\n3,b\n5,b\n")
    one = cell(dataset={"name": "csv", "file": str(tmp_path / "t.csv"), "label": "y"})
    results = measured(one, tmp_path)
    monkeypatch.setattr(generalise_module, "run_probes", None)
    with pytest.raises(
        EmcError, match=r"data set 't-\w+': expected test samples, found none: a fifth"
    ):
        generalisation_of(one, 2, results, device="cpu")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"loss": {"label_smoothing": 0.2}},
        {"loss": "squared-error"},
        {"architecture": {"name": "cnn", "width": 2, "normalisation": "batch"}},
        {"parameterisation": {"name": "subspace", "dimension": 20, "projection": "fastfood"}},
        {"parameterisation": {"name": "quantised", "bits": 3}},
    ],
    ids=str,
)
def test_an_evaluation_is_what_the_engine_says_of_its_own_samples(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    one = cell(**changes)
    trained = procedure(one, (1, 8, 8), 10)
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((50, 1, 8, 8)).astype(np.float32)
    from emc.engine import Replica

    replica = Replica(inputs, np.arange(50), draw.integers(10, size=50), seed=4, lr=0.1)
    (run,) = run_probes(trained, [replica])
    chunks = [(inputs[:30], replica.labels[:30]), (inputs[30:], replica.labels[30:])]
    before = torch.random.get_rng_state()
    accuracy, loss = evaluate(trained, 4, run.parameters, chunks, "cpu")
    assert torch.equal(before, torch.random.get_rng_state())
    assert accuracy == run.accuracy
    assert loss == pytest.approx(run.loss, rel=1e-5)


def test_a_linear_teacher_is_learnt_and_noise_is_not(tmp_path: Path) -> None:
    """Gaussian labels are random: what is memorised helps no new sample."""
    noise = cell(
        dataset={"name": "gaussian", "dimension": 30, "samples": 60},
        architecture={"name": "mlp", "depth": 1, "width": 30},
        budget={"epochs": 200},
        optimizer={"name": "adam", "lr": 0.03},
    )
    (row,) = generalisation_of(noise, 1, measured(noise, tmp_path / "a"), device="cpu")
    assert row.train_accuracy == 1.0
    assert row.test_samples == 15
    assert row.gap > 0.15
    digits = cell(budget={"epochs": 60}, architecture={"name": "mlp", "depth": 1, "width": 20})
    (row,) = generalisation_of(digits, 1, measured(digits, tmp_path / "b"), device="cpu")
    assert row.test_accuracy > 0.9
    assert abs(row.gap) < 0.1


def test_it_is_the_same_again(tmp_path: Path) -> None:
    one = cell()
    results = measured(one, tmp_path)
    first, again = (generalisation_of(one, 1, results, device="cpu") for _ in range(2))
    assert first[0].test_loss == again[0].test_loss


def test_what_says_nothing_of_new_samples(tmp_path: Path) -> None:
    one = cell(labels="random")
    results = measured(one, tmp_path)
    with pytest.raises(EmcError, match="'random' cannot be tested on new samples"):
        generalisation_of(one, 1, results, device="cpu")


def test_a_cell_that_was_not_measured(tmp_path: Path) -> None:
    one, results = cell(), Results(tmp_path)
    prepare(one.dataset, results.data("digits"), None)
    with pytest.raises(
        FileError,
        match=r"estimate\.json: no such file; `emc run .* makes it",
    ):
        generalisation_of(one, 1, results, device="cpu")


def test_what_failed_is_told_apart_by_the_number_of_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tired(_: Cell, seeds: int, *__: object, **___: Any) -> list[Generalisation]:
        raise ValueError(f"too tired for {seeds}")

    one = cell()
    results = measured(one, tmp_path)
    files = results.cell(cell_id(one))
    monkeypatch.setattr(generalise_module, "generalisation_of", tired)
    generalise(one, 3, results, files.generalisation(3))
    monkeypatch.setattr(generalise_module, "generalisation_of", lambda *_, **__: [])
    generalise(one, 2, results, files.generalisation(2))
    (failed,) = failures(files, "", 3)
    assert failed.reason.endswith("ValueError: too tired for 3")
    assert failed.outputs == (files.generalisation(3).name,)
    assert not list(failures(files, "", 2))


def test_the_job_writes_its_table_and_an_empty_file_after_a_failure(tmp_path: Path) -> None:
    one = cell()
    results = measured(one, tmp_path)
    files = results.cell(cell_id(one))
    generalise(one, 2, results, files.generalisation(2))
    assert read_table(files.generalisation(2), GENERALISATION, "generalise").height == 2
    files.failure("measure").write_text("{}")
    generalise(one, 3, results, files.generalisation(3))
    assert files.generalisation(3).read_bytes() == b""
