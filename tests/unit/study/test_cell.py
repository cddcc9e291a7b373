"""A cell: what it knows of itself, and what cannot go together."""

from typing import Any

import pytest
from pydantic import ValidationError

from emc.errors import EmcError
from emc.study import Cell

MLP = {"name": "mlp", "depth": 1, "width": 4}
CSV = {"name": "csv", "file": "wine.csv", "label": "quality"}


def cell(**keys: Any) -> Cell:
    return Cell.model_validate({"dataset": "digits", "architecture": MLP, **keys})


def test_shape_classes_and_parameters_are_known_beforehand() -> None:
    assert (cell().shape, cell().classes, cell().parameters) == ((1, 8, 8), 10, 310)


def test_the_labelling_decides_the_classes() -> None:
    merged = cell(labels={"classes": 3})
    assert (merged.classes, merged.parameters) == (3, 260 + 5 * 3)
    assert cell(labels={"name": "random", "classes": 100}).classes == 100
    assert cell(labels="random").classes == 10


def test_defaults_are_those_of_the_protocol() -> None:
    found = cell()
    assert (found.labels.name, found.optimizer.name, found.batch.order) == (
        "original",
        "sgd",
        "stream",
    )
    assert (found.criterion, found.budget.steps, found.search.method) == (1.0, 30_000, "bayes")
    assert (found.search.aim, found.finish.gradient) == ("minima", 1e-3)
    assert (found.stopping.gradient, found.stopping.plateau) == (1e-3, 1e-3)


def test_published_families_start_from_weights_of_their_own() -> None:
    vit = {"name": "vit", "width": 4}
    assert cell(architecture=vit) == cell(architecture=vit, initialisation="torch")
    assert cell(architecture=vit).initialisation == "torch"
    assert cell().initialisation == "scaled-normal"


def test_learning_rates_are_sorted() -> None:
    found = cell(optimizer={"name": "adam", "lr": [0.1, "1e-3", 1]})
    assert found.optimizer.lr == (0.001, 0.1, 1.0)
    assert cell(optimizer={"name": "gd", "lr": 0.5}).optimizer.lr == (0.5,)


def test_a_data_set_that_is_not_prepared_has_no_shape_yet() -> None:
    found = cell(dataset=CSV)
    for fact in ("facts", "shape", "classes", "parameters"):
        with pytest.raises(EmcError, match="the shape of 'csv' is unknown until it is prepared"):
            getattr(found, fact)


def test_a_cell_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        cell().seed = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"architecture": {"name": "cnn", "width": 1, "depth": 4}}, "depth 4 halves 8x8 pixels"),
        ({"labels": {"classes": 11}}, "labels: expected at most 10 classes, found 11"),
        (
            {"dataset": {"name": "gaussian", "dimension": 3}, "labels": "permuted-pixels"},
            "labels: 'permuted-pixels': expected images",
        ),
        (
            {"search": {"smallest": 1439}},
            "search.smallest: expected at most the 1438 samples there are, found 1439",
        ),
        (
            {"search": {"expected": {"emc50": 5753}}},
            "search.expected.emc50: expected at most 4 times the 1438 samples there are,"
            " found 5753",
        ),
        (
            {"search": {"smallest": 500, "expected": {"emc50": 10}}},
            "'expected.emc50' is at least 'smallest', 500, found 10",
        ),
        ({"search": {"expected": {"emc50": 10, "factor": 1.01}}}, "greater than or equal to 1.1"),
        (
            {"dataset": CSV, "architecture": {"name": "mlp", "params": 100}},
            "architecture: 'params': expected a known input shape",
        ),
        (
            {"architecture": {"name": "mlp", "params": 1e13}},
            "architecture: expected at most 1e12 parameters, found 1.00e.13",
        ),
        ({"architecture": {"name": "mlp", "width": 10**9}}, "expected at most 1e12 parameters"),
        (
            {"architecture": {"name": "mlp", "params": 3}},
            "architecture: the width nearest to 3 parameters is 1, with 87: give a 'width'",
        ),
        ({"architecture": {"name": "mlp", "params": 3, "depth": 99999}}, "or equal to 1000"),
        (
            {"architecture": {"name": "linear"}, "optimizer": "muon"},
            "optimizer: 'muon' has no hidden matrix to work on in a linear model",
        ),
        (
            {"optimizer": "muon", "parameterisation": {"name": "subspace", "dimension": 3}},
            "optimizer: 'muon' has no matrix to work on in a subspace",
        ),
        (
            {"architecture": {"name": "mlp", "params": 1.7e308}},
            "architecture: expected at most 1e12 parameters, found 1.70e.308",
        ),
        (
            {"architecture": {"name": "resnet", "multiplier": 1e308}},
            "less than or equal to 1000000",
        ),
        (
            {"optimizer": {"name": "sgd", "momentum": 0, "nesterov": True}},
            "'nesterov': expected a 'momentum' above 0",
        ),
        (
            {"optimizer": {"name": "sgd", "lr": [0.1, "1e-1"]}},
            "each learning rate once, found 0.1 twice",
        ),
        ({"loss": {"name": "squared-error", "label_smoothing": 0.1}}, "expected 'cross-entropy'"),
        ({"budget": {}}, "expected either 'epochs' or 'steps', found neither"),
        ({"budget": {"epochs": 1, "steps": 1}}, "expected either 'epochs' or 'steps', found both"),
    ],
)
def test_what_does_not_go_together(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        cell(**keys)


def test_the_edge_of_what_goes_together() -> None:
    assert cell(search={"smallest": 1438}).search.smallest == 1438
    assert cell(search={"expected": {"emc50": 4 * 1438}}).search.expected
    assert cell(labels={"classes": 10}).classes == 10
    assert cell(architecture={"name": "cnn", "width": 1, "depth": 3}).parameters > 0
