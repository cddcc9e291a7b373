"""A reparameterised cell from start to end: measured, kept lean, and certified."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugin_files import cell_of
from tests.unit.measurement.test_procedure import QUICK, end_point, replicas
from tests.unit.measurement.test_procedure import cell as family_cell

from emc.curvature import Objective, certify_end_points
from emc.data.prepare import prepare
from emc.engine import Replica, run_probes
from emc.engine.fresh import from_the_seed
from emc.errors import EmcError
from emc.measurement.certify import certificates_of
from emc.measurement.job import measure
from emc.measurement.procedure import procedure
from emc.store.documents import read_document
from emc.store.endpoints import read_endpoints
from emc.store.layout import Results
from emc.study import Cell, cell_id
from emc.study.certificate import CertificateSettings
from emc.study.identity import dataset_id

FORMS: list[Any] = [
    {"name": "subspace", "dimension": 9},
    {"name": "subspace", "dimension": 8, "projection": "fastfood"},
    {"name": "subspace", "dimension": 8, "projection": "kronecker"},
    {"name": "subspace", "dimension": 8, "projection": "film"},
    {"name": "low-rank", "rank": 1},
    {"name": "quantised", "bits": 4},
]


def cell(form: Any, **changes: Any) -> Cell:
    keys = {
        "dataset": {"name": "gaussian", "dimension": 6, "samples": 60, "classes": 3},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 4},
        "activation": "tanh",
        "parameterisation": form,
        "optimizer": {"name": "adam", "lr": 0.1},
        "budget": {"epochs": 30},
        "finish": {"iterations": 60, "effort": 0.3},
        "search": {"tolerance": 0.4, "probes": 16},
        "endpoints": 2,
    }
    return Cell.model_validate(keys | changes)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_end_points_are_lean_and_certified_at_the_same_loss(form: Any, tmp_path: Path) -> None:
    one, results = cell(form), Results(tmp_path)
    prepare(one.dataset, results.data(dataset_id(one.dataset)), None)
    measure(one, results, device="cpu", back_end=None)
    files = results.cell(cell_id(one))
    document = read_document(files.estimate, "measure")
    assert (document["parameters"], document["back_end"]) == (one.parameters, "vmap")
    kept = read_endpoints(files.endpoints, cell_id(one))
    assert kept
    for _, parameters in kept:
        assert sum(values.size for values in parameters.values()) == one.trainable
    found = certificates_of(one, CertificateSettings(), results, device="cpu")
    ends = [probe.finish or probe.run for probe, _ in kept]
    assert [row.loss for row in found] == pytest.approx([end.loss for end in ends], rel=1e-4)


def test_a_form_that_only_the_prepared_data_set_could_refuse() -> None:
    table = {"name": "csv", "file": "a.csv", "label": "y"}
    one = cell({"name": "subspace", "dimension": 500}, dataset=table)
    with pytest.raises(EmcError, match="expected at most the net's 43 dimensions, found 500"):
        procedure(one, (6,), 3)


@pytest.mark.parametrize(
    ("architecture", "form"),
    [
        ({"name": "cnn", "width": 2, "normalisation": "group"}, FORMS[0]),
        ({"name": "vit", "width": 4, "depth": 1, "heads": 2}, FORMS[3]),
        ({"name": "mlp-mixer", "width": 4, "depth": 1}, FORMS[4]),
        ({"name": "resnet", "width": 2, "depth": 10}, FORMS[1]),
        ({"name": "vit", "width": 4, "depth": 1, "heads": 2}, FORMS[5]),
    ],
    ids=str,
)
def test_published_families_train_by_both_back_ends_and_are_certified(
    architecture: dict[str, Any], form: Any
) -> None:
    one = family_cell(architecture, 8, parameterisation=form)
    trained, probes = procedure(one, (1, 8, 8), 4), replicas(8)
    together, alone = (
        run_probes(trained, probes, back_end=name) for name in ("vmap", "sequential")
    )
    for first, second in zip(together, alone, strict=True):
        assert sum(values.size for values in second.parameters.values()) == one.trainable
        for name, values in second.parameters.items():
            np.testing.assert_allclose(first.parameters[name], values, rtol=1e-3, atol=1e-5)
    end = replace(end_point(probes[0], alone[0]), constants=from_the_seed(trained, probes[0].seed))
    objective = Objective("cross-entropy", 0.0, 0.0)
    (evidence,) = certify_end_points(trained.net, [end], objective, tolerances=QUICK)
    assert evidence.loss == pytest.approx(alone[0].loss, rel=1e-4)
    assert evidence.gradient_norm == pytest.approx(alone[0].gradient_norm, rel=1e-3)


@pytest.mark.parametrize("form", [FORMS[1], FORMS[4], FORMS[5]], ids=str)
def test_a_plug_ins_net_in_another_form(form: dict[str, Any], tmp_path: Path) -> None:
    plugin = """
    @emc.architecture("narrow")
    def narrow(shape, classes, activation):
        return nn.Sequential(
            nn.Flatten(), nn.Linear(prod(shape), 5), activation, nn.Linear(5, classes)
        )
    """
    entry = ", ".join(f"{key}: {value}" for key, value in form.items())
    one = cell_of(tmp_path, plugin, f"{{architecture: narrow, parameterisation: {{{entry}}}}}")
    # rank 1: 64 + 5, 5 + 10, and biases of 5 and 10
    assert one.trainable == {"subspace": 8, "low-rank": 99, "quantised": 385}[form["name"]]
    trained = procedure(one, (1, 8, 8), 10)
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((20, 1, 8, 8)).astype(np.float32)
    replica = Replica(inputs, np.arange(20), draw.integers(10, size=20), seed=3, lr=0.1)
    (run,) = run_probes(replace(trained, epochs=3, steps=None), [replica])
    assert run.back_end == "vmap"
    assert sum(values.size for values in run.parameters.values()) == one.trainable
