"""Ids: equal for equal cells however they are written, different for all others, for ever."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.study.strategies import raw_cells, rewritten

from emc.errors import EmcError
from emc.study import Cell, cell_id
from emc.study.certificate import CertificateSettings
from emc.study.datasets import DataSet
from emc.study.identity import (
    PROTOCOL,
    canonical,
    dataset_definition,
    dataset_from_definition,
    dataset_id,
    from_canonical,
    identified,
    plan_id,
    settings_definition,
    settings_from_definition,
    settings_id,
)
from emc.study.strict import Strict

MLP = {"name": "mlp", "depth": 1, "width": 4}
PINNED: list[tuple[dict[str, Any], str]] = [
    ({"dataset": "digits", "architecture": MLP}, "digits-original-mlp4-relu-sgd-67c662c1afb3"),
    (
        {"dataset": "digits", "architecture": MLP, "seed": 1},
        "digits-original-mlp4-relu-sgd-0e87684ccd78",
    ),
    (
        {"dataset": "digits", "architecture": MLP, "labels": {"noisy": 0.2}, "criterion": 0.995},
        "digits-noisy-mlp4-relu-sgd-854267392cb9",
    ),
    (
        {"dataset": "mnist-5k", "architecture": {"name": "mlp", "depth": 2, "params": 3e3}},
        "mnist-5k-original-mlp4-relu-sgd-03c2167eca66",
    ),
    (
        {"dataset": "mnist-5k", "architecture": {"name": "cnn", "width": 4}, "labels": "random"},
        "mnist-5k-random-cnn4-relu-sgd-8dfc20445c9c",
    ),
    (
        {"dataset": "mnist", "architecture": {"name": "linear"}, "labels": {"classes": 2}},
        "mnist-classes-linear-identity-sgd-fc010ac0fbc6",
    ),
    (
        {"dataset": "fashion-mnist", "architecture": MLP, "labels": "permuted-pixels"},
        "fashion-mnist-permuted-pixels-mlp4-relu-sgd-fc708362850a",
    ),
    (
        {
            "dataset": "cifar10",
            "architecture": {"name": "cnn", "depth": 3, "width": 8},
            "optimizer": "gd",
        },
        "cifar10-original-cnn8-relu-gd-c5bcbb2a1693",
    ),
    (
        {"dataset": "adult", "architecture": MLP, "activation": "tanh", "optimizer": "adam"},
        "adult-original-mlp4-tanh-adam-d3d8e45ae6c8",
    ),
    (
        {
            "dataset": {"name": "gaussian", "dimension": 20},
            "architecture": {"name": "linear", "bias": False},
            "activation": "identity",
            "optimizer": {"name": "adam", "lr": 0.03},
            "labels": "random",
        },
        "gaussian-random-linear-identity-adam-f5d4f63ea8ac",
    ),
    (
        {"dataset": {"name": "csv", "file": "wine.csv", "label": "quality"}, "architecture": MLP},
        "wine-original-mlp4-relu-sgd-e1f7430280b5",
    ),
    (
        {
            "dataset": "digits",
            "architecture": MLP,
            "activation": "gelu",
            "initialisation": "torch",
            "optimizer": {"name": "adamw", "lr": [0.01, 0.001]},
            "schedule": {"name": "cosine", "warmup": 0.1},
            "batch": {"size": 32, "order": "balanced"},
            "loss": {"label_smoothing": 0.1},
            "budget": {"steps": 5000},
            "stopping": {"gradient": 1e-4},
            "search": {"method": "walk", "probes": 50},
            "endpoints": 1,
        },
        "digits-original-mlp4-gelu-adamw-ce70a21a4674",
    ),
    (
        {"dataset": "cifar10", "architecture": {"name": "resnet", "multiplier": 0.25}},
        "cifar10-original-resnet16-relu-sgd-86c1fbdfcf15",
    ),
    (
        {
            "dataset": "mnist",
            "architecture": {"name": "vit", "width": 32},
            "labels": "random-inputs",
        },
        "mnist-random-inputs-vit32-relu-sgd-638fc686d51e",
    ),
    (
        {"dataset": "digits", "architecture": {"name": "mlp-mixer", "params": 5e3, "depth": 2}},
        "digits-original-mlp-mixer16-relu-sgd-d7275ab26962",
    ),
]


# These ids name files on the disks of others. One that changes here makes every one of its cells
# be measured again, and no number of before can be found by its study. So no edit of a type or of
# the text of an id may change them: only a new key of a cell, or a measurement that gives other
# probes, raises PROTOCOL and pins new ids.
@pytest.mark.parametrize(("raw", "pinned"), PINNED, ids=[pinned for _, pinned in PINNED])
def test_ids_stay_what_they_are(raw: dict[str, Any], pinned: str) -> None:
    assert cell_id(Cell.model_validate(raw)) == pinned


def test_canonical_text_stays_what_it_is() -> None:
    cell = Cell.model_validate({"dataset": "digits", "architecture": MLP})
    assert canonical(cell) == (
        '{"activation":"relu","architecture":{"depth":1,"name":"mlp","params":null,"width":4},'
        '"batch":{"order":"stream","size":128},"budget":{"epochs":null,"steps":30000},'
        '"criterion":1.0,"dataset":{"name":"digits"},"endpoints":3,"finish":{"effort":30.0,'
        '"escapes":5,"gradient":0.001,"iterations":50000,"rounding":0.01},'
        '"initialisation":"scaled-normal",'
        '"labels":{"name":"original"},"loss":{"label_smoothing":0.0,"name":"cross-entropy"},'
        '"optimizer":{"lr":[0.03,0.1,0.3],"momentum":0.9,"name":"sgd","nesterov":false,'
        '"weight_decay":0.0},"parameterisation":{"name":"full"},"protocol":10,'
        '"schedule":{"name":"constant","warmup":0.0},"search":{"aim":"minima","expected":null,'
        '"method":"bayes","probes":200,"smallest":1,"tolerance":0.05,"widen":0},"seed":0,'
        '"stopping":{"gradient":0.001,"plateau":0.001}}'
    )


@pytest.mark.parametrize(
    ("raw", "pinned"),
    [
        ({"name": "mnist"}, "mnist"),
        ({"name": "gaussian", "dimension": 20}, "gaussian-42ff954e"),
        ({"name": "imagenet"}, "imagenet-f997ced7"),
    ],
)
def test_dataset_ids_stay_what_they_are(raw: dict[str, Any], pinned: str) -> None:
    assert dataset_id(dataset_from_definition(json.dumps(raw))) == pinned


def test_settings_id_stays_what_it_is() -> None:
    assert settings_id(CertificateSettings()) == "a96837dc"


@given(st.data())
def test_neither_order_nor_spelling_matters(data: st.DataObject) -> None:
    raw = data.draw(raw_cells)
    again = data.draw(rewritten(raw))
    assert identified(Cell.model_validate(again)) == identified(Cell.model_validate(raw))


@given(raw_cells)
def test_canonical_text_gives_the_cell_back(raw: dict[str, Any]) -> None:
    cell = Cell.model_validate(raw)
    assert from_canonical(canonical(cell)) == cell
    assert json.loads(canonical(cell))["protocol"] == PROTOCOL


@given(raw_cells, raw_cells)
def test_ids_differ_exactly_where_cells_do(one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = Cell.model_validate(one), Cell.model_validate(other)
    assert (cell_id(a) == cell_id(b)) == (a == b)


@given(raw_cells)
def test_ids_are_names_of_folders(raw: dict[str, Any]) -> None:
    name = cell_id(Cell.model_validate(raw))
    assert re.fullmatch(r"[a-z0-9-]+", name)
    assert len(name) < 100


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 1),
        ("criterion", 0.99),
        ("activation", "tanh"),
        ("labels", {"noisy": 0.1}),
        ("batch", {"order": "ragged"}),
        ("budget", {"steps": 300}),
        ("endpoints", 4),
        ("finish", {"iterations": 100}),
        ("search", {"tolerance": 0.06}),
        ("stopping", {"plateau": 2e-3}),
        ("loss", {"label_smoothing": 0.1}),
        ("schedule", "cosine"),
        ("optimizer", {"name": "sgd", "lr": 0.1}),
        ("initialisation", "torch"),
        ("parameterisation", {"name": "quantised", "bits": 4}),
        ("dataset", "mnist-5k"),
        ("architecture", {"name": "mlp", "depth": 2, "width": 4}),
    ],
)
def test_every_key_is_in_the_id(key: str, value: object) -> None:
    raw = {"dataset": "digits", "architecture": MLP}
    assert cell_id(Cell.model_validate(raw)) != cell_id(Cell.model_validate({**raw, key: value}))


def test_no_key_is_missing_above() -> None:
    marks = test_every_key_is_in_the_id.pytestmark  # type: ignore[attr-defined]
    assert {key for key, _ in marks[0].args[1]} == set(Cell.model_fields)


def test_what_a_key_implies_is_no_difference() -> None:
    """The width behind `params`; the batch that full-batch descent has no use for."""
    raw = {"dataset": "digits", "architecture": {"name": "mlp", "depth": 1, "params": 310}}
    by_width = {"dataset": "digits", "architecture": MLP}
    assert cell_id(Cell.model_validate(raw)) == cell_id(Cell.model_validate(by_width))
    gd = {**by_width, "optimizer": "gd"}
    batched = {**gd, "batch": {"size": 16}}
    assert cell_id(Cell.model_validate(gd)) == cell_id(Cell.model_validate(batched))


def test_minus_zero_is_zero() -> None:
    sgd, other = ({"name": "sgd", "momentum": zero} for zero in (0, -0.0))
    raw = {"dataset": "digits", "architecture": MLP}
    zero, minus = (Cell.model_validate({**raw, "optimizer": one}) for one in (sgd, other))
    assert cell_id(zero) == cell_id(minus)


DIGITS = {"dataset": "digits", "architecture": MLP}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"protocol":0}', "cell: expected measurement protocol 10, found 0"),
        ("{}", "cell: expected measurement protocol 10, found None"),
        ("", "not the canonical JSON of a cell: : Expecting value"),
        ("7", "not the canonical JSON of a cell: 7: 'int' object is not iterable"),
        (
            '{"protocol":10}',
            r'not the canonical JSON of a cell: {"protocol":10}: 2 validation errors',
        ),
    ],
)
def test_a_text_that_is_no_cell_is_refused(text: str, message: str) -> None:
    with pytest.raises(EmcError, match=f"^{re.escape(message)}"):
        from_canonical(text)


@given(st.builds(CertificateSettings, eps=st.floats(1e-9, 1), iterations=st.integers(1, 9999)))
def test_settings_come_back_from_their_text(settings: CertificateSettings) -> None:
    assert settings_from_definition(settings_definition(settings)) == settings
    assert re.fullmatch("[0-9a-f]{8}", settings_id(settings))


asked = st.lists(st.tuples(st.text(), st.lists(st.text()).map(tuple)))


@given(asked, asked)
def test_plans_have_one_id_where_they_ask_for_the_same(
    one: list[tuple[str, tuple[str, ...]]], other: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert re.fullmatch("[0-9a-f]{8}", plan_id(one))
    assert plan_id(iter(one)) == plan_id(one)
    assert (plan_id(one) == plan_id(other)) == (one == other)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [("b", ("s", "t")), ("a", ("s",))],
        [("a", ("s",)), ("b", ("t", "s"))],
        [("a", ("s",)), ("b", ("s t",))],
        [("a", ("s",)), ("b", ("s",))],
        [("a", ("s",)), ("b", ("s", "t")), ("c", ("s",))],
        [("a", ("s",)), ("c", ("s", "t"))],
    ],
)
def test_a_plan_that_asks_for_anything_else_has_another_id(
    other: list[tuple[str, tuple[str, ...]]],
) -> None:
    assert plan_id(other) != plan_id([("a", ("s",)), ("b", ("s", "t"))])


@given(raw_cells)
def test_data_sets_come_back_from_their_text(raw: dict[str, Any]) -> None:
    dataset: DataSet = Cell.model_validate(raw).dataset
    assert dataset_from_definition(dataset_definition(dataset)) == dataset
    assert re.fullmatch("[a-z0-9-]+", dataset_id(dataset))


def test_every_model_of_a_cell_is_strict() -> None:
    """What is not `Strict` would be written into ids by pydantic's own rules."""
    cell = Cell.model_validate(DIGITS)
    for name in Cell.model_fields:
        assert isinstance(getattr(cell, name), Strict | str | int | float)
