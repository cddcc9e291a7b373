"""How the layers of a study file come together."""

from typing import Any

import pytest

from emc.study.merge import matches, merged

PRESETS = {"small": {"architecture": {"name": "mlp", "width": 2}, "seed": 7}}
SGD = {"name": "sgd", "momentum": 0.9, "lr": [0.1, 0.3]}


@pytest.mark.parametrize(
    ("below", "above", "expected"),
    [
        pytest.param({"seed": 1}, {}, {"seed": 1}, id="kept"),
        pytest.param({"seed": 1}, {"seed": 2}, {"seed": 2}, id="replaced"),
        pytest.param(
            {"optimizer": SGD},
            {"optimizer": {"name": "sgd", "lr": 1}},
            {"optimizer": {"name": "sgd", "lr": 1}},
            id="replaced as a whole",
        ),
        pytest.param({"optimizer": SGD}, {"optimizer": "sgd"}, {"optimizer": SGD}, id="bare name"),
        pytest.param(
            {"optimizer": SGD}, {"optimizer": "gd"}, {"optimizer": {"name": "gd"}}, id="other name"
        ),
        pytest.param(
            {"search": {"method": "walk", "probes": 9}},
            {"search": "walk"},
            {"search": {"method": "walk", "probes": 9}},
            id="bare method",
        ),
        pytest.param(
            {"search": {"method": "walk", "probes": 9}},
            {"search": "bayes"},
            {"search": {"method": "bayes"}},
            id="other method",
        ),
        pytest.param(
            {"search": {"probes": 9}},
            {"search": "bayes"},
            {"search": {"method": "bayes"}},
            id="a method below that is not named",
        ),
        pytest.param(
            {"optimizer": SGD}, {"optimizer.lr": 1}, {"optimizer": {**SGD, "lr": 1}}, id="dotted"
        ),
        pytest.param(
            {"optimizer": SGD},
            {"optimizer.lr": 1, "optimizer": "gd"},
            {"optimizer": {"name": "gd", "lr": 1}},
            id="dotted after the whole key, in whatever order",
        ),
        pytest.param(
            {}, {"optimizer.lr": 1}, {"optimizer": {"name": "sgd", "lr": 1}}, id="dotted on default"
        ),
        pytest.param(
            {}, {"search.probes": 9}, {"search": {"probes": 9}}, id="dotted on a default entry"
        ),
        pytest.param({}, {"batch.size": 9}, {"batch": {"size": 9}}, id="dotted on nothing"),
        pytest.param(
            {"labels": {"noisy": 0.1}},
            {"labels.fraction": 0.2},
            {"labels": {"name": "noisy", "fraction": 0.2}},
            id="dotted on a short form",
        ),
        pytest.param(
            {"labels": {"noisy": 0.1}},
            {"labels": "noisy"},
            {"labels": {"name": "noisy", "fraction": 0.1}},
            id="bare name of a short form",
        ),
        pytest.param(
            {},
            {"preset": "small"},
            {"architecture": {"name": "mlp", "width": 2}, "seed": 7},
            id="preset",
        ),
        pytest.param(
            {"seed": 1},
            {"preset": "small", "architecture.width": 3},
            {"architecture": {"name": "mlp", "width": 3}, "seed": 7},
            id="a preset lies above the layer below and below its own layer",
        ),
        pytest.param(
            {"preset": "small", "seed": 1},
            {"architecture": "mlp"},
            {"architecture": {"name": "mlp", "width": 2}, "seed": 1},
            id="preset below",
        ),
    ],
)
def test_merged(below: dict[str, Any], above: dict[str, Any], expected: dict[str, Any]) -> None:
    before = repr((below, above))
    found = merged(PRESETS, below, above)
    assert found == expected
    assert repr((below, above)) == before


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            {"preset": "smal"},
            r"expected one of small, found the preset 'smal'; did you mean 'small'\?",
        ),
        ({"preset": None}, "found the preset 'None'"),
        ({"preset": ["small"]}, "found the preset"),
        (
            {"optimizer": {"name": "sgd", "lr": 0.1}, "optimizer.lr": 0.3},
            "^optimizer.lr: expected one value, found 0.3 and, in 'optimizer' beside it, 0.1: give"
            " one of them$",
        ),
        ({"seed": 3, "seed.x": 1}, "seed.x: 'seed' is 3 and has no fields"),
        ({"activation.x": 1}, "activation.x: 'activation' is 'relu' and has no fields"),
        ({"optimizer": [1], "optimizer.lr": 1}, r"optimizer.lr: 'optimizer' is \[1\] and has no"),
    ],
)
def test_what_cannot_be_merged(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        merged(PRESETS, layer)


@pytest.mark.parametrize(
    ("cell", "pattern", "expected"),
    [
        ({"seed": 1}, {}, True),
        ({"seed": 1}, {"seed": 1}, True),
        ({"seed": "1e0"}, {"seed": 1}, True),
        ({"seed": 1}, {"seed": "1.0"}, True),
        ({"seed": 1}, {"seed": 2}, False),
        ({"seed": 10**400}, {"seed": 10**400}, True),
        ({"seed": 10**400}, {"seed": 1}, False),
        ({}, {"seed": 0}, True),
        ({}, {"criterion": 1}, True),
        ({}, {"optimizer": "sgd"}, True),
        ({}, {"optimizer": "gd"}, False),
        ({}, {"optimizer.name": "sgd"}, True),
        ({}, {"activation": "relu"}, True),
        ({}, {"dataset": "digits"}, False),
        ({"optimizer": SGD}, {"optimizer": "sgd"}, True),
        ({"optimizer": SGD}, {"optimizer": {"momentum": 0.9}}, True),
        ({"optimizer": SGD}, {"optimizer": {"momentum": 0.8}}, False),
        ({"optimizer": SGD}, {"optimizer.momentum": "9e-1"}, True),
        ({"optimizer": SGD}, {"optimizer.lr": [0.1, 0.3]}, True),
        ({"optimizer": SGD}, {"optimizer.lr": 0.1}, False),
        ({"optimizer": SGD}, {"optimizer.beta1": 0.9}, False),
        ({"optimizer": SGD, "seed": 1}, {"optimizer": "sgd", "seed": 2}, False),
        ({"search": {"method": "walk"}}, {"search": "walk"}, True),
        ({"search": {"method": "walk"}}, {"search": "bayes"}, False),
        ({"labels": {"name": "noisy", "fraction": 0.2}}, {"labels": "noisy"}, True),
        ({"labels": {"name": "noisy", "fraction": 0.2}}, {"labels": {"noisy": 0.2}}, True),
        ({"labels": {"name": "noisy", "fraction": 0.2}}, {"labels": {"noisy": 0.1}}, False),
        ({"activation": "relu"}, {"activation.x": 1}, False),
    ],
)
def test_matches(cell: dict[str, Any], pattern: dict[str, Any], expected: bool) -> None:
    assert matches(cell, pattern) is expected
