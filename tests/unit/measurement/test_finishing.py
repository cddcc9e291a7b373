"""Runs that did not fit are finished; where that would say nothing it is refused by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugin_files import cell_of
from tests.unit.measurement.prepared import measured
from torch import Tensor, nn

from emc.curvature.operator import Operator
from emc.engine import Procedure, Replica, Update, run_probes
from emc.finish import Finished, FinishSettings, finish
from emc.measurement.arrays import ArraySamples
from emc.measurement.finishing import Finishing, finishing, minimises_otherwise
from emc.measurement.source import LabelledSamples
from emc.measurement.state import read_estimate
from emc.nets.build import net
from emc.records import Ended, Outcome
from emc.store.columns import PROBES
from emc.store.endpoints import read_endpoints
from emc.store.tables import read_table
from emc.study.cell import Cell
from emc.study.identity import cell_id
from emc.study.labels import Random
from emc.study.training import Finish

DRAW = np.random.default_rng(5)
SOURCE = LabelledSamples(
    ArraySamples(DRAW.standard_normal((80, 4)).astype(np.float32), np.arange(80) % 3, 3),
    Random(name="random"),
)
ASKED = Finish(iterations=400, effort=1000)


def cell(**changes: Any) -> Cell:
    keys: dict[str, Any] = {
        "dataset": {"name": "gaussian", "dimension": 4, "samples": 80, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 3},
        "activation": "tanh",
        "optimizer": {"name": "sgd", "lr": 0.1},
        "batch": {"size": 8},
        "budget": {"steps": 60},
        "finish": {"iterations": 200, "effort": 1000},
        "search": {"tolerance": 0.4, "probes": 8},
    }
    return Cell.model_validate(keys | changes)


def plan(steps: int) -> Procedure:
    one = cell()
    layers = net(one.architecture, one.activation, one.initialisation, (4,), 3)
    assert isinstance(layers, tuple)
    return Procedure(
        classes=3, update=Update("sgd", momentum=0.9), layers=layers, steps=steps, epochs=None
    )


def replica(n: int, lr: float = 0.1) -> Replica:
    drawn = SOURCE.draw(n, 3)
    return Replica(drawn.inputs, drawn.rows, drawn.labels, 3, lr)


def of(trained: Procedure) -> Finishing:
    return finishing(trained, SOURCE, ASKED, None, "cpu")


def test_a_run_cut_short_is_finished_to_a_fit() -> None:
    trained, few = plan(steps=2), replica(3)
    (run,) = run_probes(trained, [few])
    found, end = of(trained).finished(few, run)
    assert run.ended is Ended.BUDGET
    assert found is not None
    assert (found.outcome, found.accuracy) == (Outcome.FINISHED, 1.0)
    assert {name: value.dtype for name, value in end.items()} == dict.fromkeys(
        run.parameters, np.dtype(np.float64)
    )
    hidden = np.tanh(few.inputs[few.rows] @ end["0.weight"].T + end["0.bias"])
    logits = hidden @ end["1.weight"].T + end["1.bias"]
    assert (logits.argmax(1) == few.labels).all()


@pytest.mark.parametrize(("gradients", "measure"), [(60, 960_000), (2_000_000, 2_000_000)])
def test_effort_is_measured_by_the_training_or_by_the_default_budget_if_that_is_more(
    gradients: int, measure: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained, few = plan(steps=2), replica(3)
    (run,) = run_probes(trained, [few])
    asked: list[FinishSettings] = []

    def finish_at_once(
        operator: Operator, *, criterion: float, settings: FinishSettings
    ) -> Finished:
        asked.append(settings)
        return finish(operator, criterion=criterion, settings=replace(settings, iterations=0))

    monkeypatch.setattr("emc.measurement.finishing.finish", finish_at_once)
    took = replace(run, gradient_evaluations=gradients)
    of(trained).finished(few, took)
    assert asked[0].passes == 1000 * measure / 3


def test_many_random_labels_end_at_a_minimum_that_does_not_fit() -> None:
    trained, many = plan(steps=200), replica(60)
    (run,) = run_probes(trained, [many])
    found, _ = of(trained).finished(many, run)
    assert found is not None
    assert (found.outcome, found.test) == (Outcome.MINIMUM, "gradient")
    assert found.accuracy < 1
    assert found.gradient_norm <= ASKED.gradient


def test_the_same_run_is_finished_alike() -> None:
    trained, many = plan(steps=50), replica(30)
    (run,) = run_probes(trained, [many])
    (one, first), (two, second) = (of(trained).finished(many, run) for _ in range(2))
    assert one is not None
    assert two is not None
    assert (one.outcome, one.iterations, one.loss) == (two.outcome, two.iterations, two.loss)
    assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("lr", "steps", "ended"), [(0.1, 3000, Ended.FIT), (1e38, 60, Ended.DIVERGED)]
)
def test_fits_and_diverged_runs_are_left_alone(lr: float, steps: int, ended: Ended) -> None:
    trained, few = plan(steps), replica(3, lr)
    (run,) = run_probes(trained, [few])
    assert run.ended is ended
    assert of(trained).finished(few, run) == (None, run.parameters)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"optimizer": "adam"}, None),
        ({"optimizer": {"name": "sgd", "weight_decay": 1e-3}}, None),
        ({"parameterisation": {"name": "subspace", "dimension": 6}}, None),
        ({"parameterisation": {"name": "low-rank", "rank": 1}}, None),
        ({"optimizer": "sam"}, "'sam' minimises the loss at the end of a step uphill"),
        ({"parameterisation": {"name": "quantised", "bits": 4}}, "quantised weights jump"),
    ],
)
def test_procedures_that_minimise_something_else_are_refused_by_name(
    changes: dict[str, Any], reason: str | None
) -> None:
    found = minimises_otherwise(cell(**changes))
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


def module(*layers: nn.Module) -> Procedure:
    def made() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 5), *layers, nn.Linear(5, 3))

    return Procedure(classes=3, update=Update("sgd", momentum=0.0), module=made)


class Signs(nn.Module):
    """Signs of its inputs, which give no gradient."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sign()


@pytest.mark.parametrize(
    ("trained", "reason"),
    [
        (module(nn.Tanh()), None),
        (module(nn.LayerNorm(5)), None),
        (module(nn.Dropout(0.1)), "draws random numbers while it trains"),
        (module(nn.BatchNorm1d(5)), "rows depend on one another while it trains"),
        (module(Signs()), "no gradient in '0.weight'"),
    ],
)
def test_nets_that_train_otherwise_than_they_are_evaluated_are_refused(
    trained: Procedure, reason: str | None
) -> None:
    found = of(trained).refused
    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")


@pytest.mark.parametrize("refused", [{"optimizer": "sam"}, {"finish": {"iterations": 0}}])
def test_without_a_finish_the_number_within_the_budget_stands_alone(
    refused: dict[str, Any], tmp_path: Path
) -> None:
    one = cell(search={"tolerance": 0.4, "probes": 8, "aim": "budget"}, **refused)
    results = measured(one, tmp_path)
    files = results.cell(cell_id(one))
    found = read_estimate(files)
    assert found.emc50 is None
    assert found.emc50_budget > 0
    assert found.finish_refused
    probes = read_table(files.probes, PROBES, "measure")
    assert set(probes["outcome"]) <= {"fit", "open", "diverged"}
    assert probes["finish_outcome"].null_count() == len(probes)


def test_a_finished_end_point_is_kept_as_the_finish_left_it(tmp_path: Path) -> None:
    one = cell()
    files = measured(one, tmp_path).cell(cell_id(one))
    kept = read_endpoints(files.endpoints, cell_id(one))
    assert {probe.outcome for probe, _ in kept} >= {Outcome.MINIMUM}
    for probe, parameters in kept:
        wanted = np.float32 if probe.finish is None else np.float64
        assert {value.dtype for value in parameters.values()} == {np.dtype(wanted)}


@pytest.mark.parametrize("says", [True, False])
def test_a_plugins_optimizer_is_followed_where_it_says_what_it_minimises(
    says: bool, tmp_path: Path
) -> None:
    plugin = f"""
        @emc.optimizer("plain", minimises_loss={says})
        def plain(parameters, lr):
            return torch.optim.SGD(parameters, lr)
    """
    keys = "{architecture: {name: mlp, width: 4}, optimizer: {name: plain, lr: 0.1}}"
    found = minimises_otherwise(cell_of(tmp_path, plugin, keys))
    assert (found is None) == says
    if found:
        assert "'plain' does not say that it minimises the training loss" in found
