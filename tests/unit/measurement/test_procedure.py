"""From a cell to what the engine trains: every family, by both torch back ends, and certified."""

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugin_files import cell_of

from emc.curvature import CertificateTolerances, EndPoint, Objective, certify_end_points
from emc.engine import Replica, TrainedRun, run_probes
from emc.engine.choose import back_end
from emc.errors import EmcError
from emc.measurement.procedure import procedure
from emc.study import Cell

QUICK = CertificateTolerances(eps=0.1, delta=0.1, exact_up_to=0)
FAMILIES: list[Any] = [
    ({"name": "cnn", "width": 2, "normalisation": "group"}, 8),
    ({"name": "vit", "width": 4, "depth": 1, "heads": 2}, 8),
    ({"name": "mlp-mixer", "width": 4, "depth": 1}, 8),
    ({"name": "resnet", "width": 2, "depth": 10}, 8),
    ({"name": "efficientnet", "width": 1}, 16),
]


def cell(architecture: dict[str, Any], side: int, **keys: Any) -> Cell:
    raw = {
        "dataset": {
            "name": "image-folder",
            "folder": "x",
            "classes": 4,
            "size": side,
            "channels": 1,
        },
        "architecture": architecture,
        "activation": "tanh",
        "batch": {"size": 4},
        "budget": {"epochs": 2},
        "finish": {"iterations": 60, "effort": 1},
        **keys,
    }
    return Cell.model_validate(raw)


def replicas(side: int) -> list[Replica]:
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((8, 1, side, side)).astype(np.float32)
    return [
        Replica(inputs, draw.permutation(8)[:n], draw.integers(4, size=n), seed=n, lr=0.0005)
        for n in (5, 7)
    ]


@pytest.mark.parametrize(("architecture", "side"), FAMILIES, ids=str)
def test_back_ends_agree_and_end_points_are_certified(
    architecture: dict[str, Any], side: int
) -> None:
    trained = procedure(cell(architecture, side), (1, side, side), 4)
    probes = replicas(side)
    together, alone = (
        run_probes(trained, probes, back_end=name) for name in ("vmap", "sequential")
    )
    for one, other in zip(together, alone, strict=True):
        assert one.parameters.keys() == other.parameters.keys()
        for name, values in one.parameters.items():
            np.testing.assert_allclose(values, other.parameters[name], rtol=1e-3, atol=1e-5)
    ends = [end_point(probe, run) for probe, run in zip(probes, alone, strict=True)]
    found = certify_end_points(
        trained.net, ends, Objective("cross-entropy", 0.0, 0.0), tolerances=QUICK
    )
    for run, evidence in zip(alone, found, strict=True):
        assert evidence.gradient_norm == pytest.approx(run.gradient_norm, rel=1e-3)
        assert evidence.loss == pytest.approx(run.loss, rel=1e-4)
        assert evidence.lambda_max > 0


def end_point(probe: Replica, run: TrainedRun) -> EndPoint:
    inputs = probe.inputs[probe.rows]
    return EndPoint(run.parameters, inputs, probe.labels, run.plateau, probe.seed)


@pytest.mark.parametrize("name", ["resnet", "cnn"])
def test_batch_normalisation_trains_one_replica_at_a_time(name: str) -> None:
    depth = {"depth": 10} if name == "resnet" else {}
    normalised = {"name": name, "width": 2, "normalisation": "batch", **depth}
    trained = procedure(cell(normalised, 8), (1, 8, 8), 4)
    with pytest.raises(EmcError, match=r"BatchNorm .*normalises over the batch, which is padded"):
        back_end(trained, "cpu", "vmap")
    assert back_end(trained, "cpu").name == "sequential"
    (run,) = run_probes(trained, replicas(8)[:1])
    assert np.isfinite(run.loss)


def test_a_lone_sample_trains_under_batch_normalisation() -> None:
    """A batch of one sample, shrunk to one pixel, has no variance."""
    normalised = {"name": "resnet", "width": 2, "depth": 10, "normalisation": "batch"}
    trained = procedure(cell(normalised, 8, budget={"epochs": 30}), (1, 8, 8), 4)
    inputs = replicas(8)[0].inputs
    (run,) = run_probes(trained, [Replica(inputs, np.array([3]), np.array([2]), seed=0, lr=0.1)])
    assert run.ended.name == "FIT"


ATTENDING = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        return self.head(self.mix(x.flatten(1, 2)).mean(1))


@emc.architecture("attending")
def attending(shape, classes, activation):
    return Net()
"""


def test_a_plugins_own_attention_trains_with_others(tmp_path: Path) -> None:
    asked = cell_of(tmp_path, ATTENDING, "{architecture: attending, budget: {epochs: 2}}")
    trained = procedure(asked, (1, 8, 8), 10)
    for run in run_probes(trained, replicas(8), back_end="vmap"):
        assert np.isfinite(run.loss)


def test_a_plugins_net_of_known_layers_is_trained_by_kernels(tmp_path: Path) -> None:
    asked = cell_of(tmp_path, ATTENDING, "{architecture: attending, budget: {epochs: 2}}")
    trained = procedure(asked, (1, 8, 8), 10)
    assert {run.back_end for run in run_probes(trained, replicas(8))} == {"native"}


def test_nets_of_torch_are_trained_by_kernels_where_these_know_their_layers() -> None:
    entries: list[dict[str, Any]] = [
        {"name": "mlp-mixer", "depth": 1},
        {"name": "resnet", "depth": 10},
        {"name": "cnn", "depth": 2, "normalisation": "group"},
    ]
    for entry in entries:
        trained = procedure(cell({**entry, "width": 4}, 8), (1, 8, 8), 10)
        assert back_end(trained, "cpu").name == "native"
    batch = cell({"name": "cnn", "depth": 2, "normalisation": "batch", "width": 4}, 8)
    assert back_end(procedure(batch, (1, 8, 8), 10), "cpu").name == "sequential"


def test_a_plugins_net_is_tried_where_only_the_prepared_data_set_tells_its_shape(
    tmp_path: Path,
) -> None:
    plugin = """
layer = nn.Linear(3, 2)

@emc.architecture("shared")
def shared(shape, classes, activation):
    return nn.Sequential(layer)
"""
    keys = "{dataset: {name: csv, file: a.csv, label: y}, architecture: shared}"
    asked = cell_of(tmp_path, plugin, keys)
    with pytest.raises(EmcError, match=r"line 7: .*expected a fresh net at each call"):
        procedure(asked, (3,), 2)


@pytest.mark.parametrize("architecture", [{"name": "mlp", "width": 3}, {"name": "cnn", "width": 2}])
def test_plans_stay_plans(architecture: dict[str, Any]) -> None:
    trained = procedure(cell(architecture, 8), (1, 8, 8), 4)
    assert trained.module is None
    assert trained.net == trained.layers
    assert back_end(trained, "cpu").name == "native"


def test_what_only_the_prepared_data_set_could_tell() -> None:
    raw = {
        "dataset": {"name": "csv", "file": "a.csv", "label": "y"},
        "architecture": {"name": "vit", "width": 4},
    }
    with pytest.raises(EmcError, match="architecture: 'vit': expected images"):
        procedure(Cell.model_validate(raw), (prod((3, 4)),), 4)
