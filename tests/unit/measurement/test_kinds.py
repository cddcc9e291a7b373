"""Which cells are alike, and what one size tells of another."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.measurement.kinds import (
    interpolated,
    kind,
    of_kernels,
    paces_like,
    representatives,
    work,
)
from emc.records import Pace
from emc.study import Cell


def cell(**keys: Any) -> Cell:
    content = {"dataset": "digits", "labels": "random", "architecture": net(8), **keys}
    return Cell.model_validate(content)


def net(width: int, depth: int = 1) -> dict[str, Any]:
    return {"name": "mlp", "depth": depth, "width": width}


def pace(parameters: int, training: float, megabytes: float = 100.0) -> Pace:
    return Pace(parameters, parameters, training, 1.0, training, training, 0.5, megabytes)


@pytest.mark.parametrize(
    "keys",
    [
        {"seed": 3},
        {"labels": "original"},
        {"architecture": net(40)},
        {"optimizer": {"name": "sgd", "lr": 0.7}},
        {"budget": {"epochs": 3}},
        {"search": {"probes": 7}},
    ],
)
def test_cells_that_train_alike(keys: dict[str, Any]) -> None:
    assert kind(cell(**keys), "cpu") == kind(cell(), "cpu")


@pytest.mark.parametrize(
    "keys",
    [
        {"architecture": net(8, depth=2)},
        {"architecture": "linear"},
        {"optimizer": "adam"},
        {"activation": "tanh"},
        {"batch": {"size": 7}},
        {"loss": "squared-error"},
        {"dataset": "mnist-5k"},
        {"parameterisation": {"name": "quantised", "bits": 4}},
        {"finish": {"iterations": 0}, "search": {"aim": "budget"}},
    ],
)
def test_cells_that_do_not(keys: dict[str, Any]) -> None:
    assert kind(cell(**keys), "cpu") != kind(cell(), "cpu")


def test_devices_differ() -> None:
    assert kind(cell(), "cpu") != kind(cell(), "cuda")


def test_the_largest_is_tried_and_one_that_is_far_smaller() -> None:
    alike = [cell(architecture=net(width)) for width in (4, 8, 6)]
    assert representatives(alike) == [alike[1]]
    far = [*alike, cell(architecture=net(40))]
    assert representatives(far) == [alike[0], far[3]]


@given(st.integers(10, 1000))
def test_between_two_sizes_a_power_law_is_kept(parameters: int) -> None:
    known = [pace(size, 1e-7 * size**0.4) for size in (1000, 10)]
    found = interpolated(known, 7, parameters)
    assert found.training == pytest.approx(1e-7 * parameters**0.4)
    assert found.finishing == pytest.approx(found.training)
    assert (found.parameters, found.work) == (7, parameters)


def test_beyond_the_sizes_time_and_memory_grow() -> None:
    """Memory by twenty steps and changes of the gradient in float64."""
    known = [pace(10, 1.0, megabytes=50.0), pace(100, 2.0, megabytes=80.0)]
    found = interpolated(known, 1000, 1000)
    assert found.training == pytest.approx(2 * 10**0.7)
    assert found.megabytes == pytest.approx(80 + 2 * 20 * 8 * 900 / 2**20)
    assert interpolated(known, 1, 1).training == pytest.approx(10**-0.7)
    assert interpolated(known, 1, 1).megabytes == 50


def test_a_net_that_is_not_finished_has_no_time_for_it() -> None:
    known = [Pace(10, 10, 1.0, 1.0, 0.0, 0.0, 0.5, 50.0)]
    assert interpolated(known, 10, 10).finishing == pytest.approx(0, abs=1e-29)
    assert math.isfinite(interpolated(known, 10**9, 10**9).finishing)


def test_work_is_the_multiply_adds_of_a_sample() -> None:
    """Of 64 pixels to 8 units and 10 logits; of 3x3 windows at 64 and at 16 pixels."""
    assert work(cell()) == 64 * 8 + 8 * 10
    cnn = cell(architecture={"name": "cnn", "depth": 2, "width": 2})
    assert work(cnn) == 64 * 9 * 2 + 16 * 9 * 2 * 4 + 4 * 2 * 2 * 10
    vit = cell(architecture={"name": "vit", "depth": 1, "patch": 4, "heads": 1, "width": 8})
    assert work(vit) == vit.parameters


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        ({}, True),
        ({"architecture": {"name": "cnn", "depth": 1, "width": 2}}, True),
        ({"optimizer": "adamw"}, True),
        ({"optimizer": "shampoo"}, False),
        ({"parameterisation": {"name": "quantised", "bits": 4}}, False),
        ({"architecture": {"name": "resnet", "depth": 10, "width": 2}}, False),
    ],
)
def test_which_nets_kernels_train(keys: dict[str, Any], known: bool) -> None:
    assert of_kernels(cell(**keys)) is known


def test_an_untimed_kind_is_as_fast_as_the_one_most_like_it() -> None:
    """The optimizer matters less than the net, and one of torch's says nothing of kernels."""
    timed = {
        kind(one, "cpu"): [pace(one.parameters, seconds)]
        for one, seconds in (
            (cell(), 1.0),
            (cell(architecture={"name": "cnn", "depth": 1, "width": 2}), 2.0),
            (cell(optimizer="shampoo"), 3.0),
        )
    }

    def nearest(**keys: Any) -> float:
        (found,) = paces_like(cell(**keys), "cpu", timed)
        return found.training

    assert nearest() == 1.0
    assert nearest(optimizer="adam", activation="tanh") == 1.0
    assert nearest(architecture={"name": "cnn", "depth": 2, "width": 2}, optimizer="adam") == 2.0
    assert nearest(optimizer="soap") == 3.0
    assert paces_like(cell(), "cuda", timed) == ()
    assert paces_like(cell(optimizer="soap"), "cpu", {kind(cell(), "cpu"): [pace(1, 1.0)]}) == ()


@pytest.mark.parametrize("other", ["no kind", "{}", "[]", '{"device": "cpu"}'])
def test_what_another_version_called_a_kind_tells_nothing(other: str) -> None:
    assert paces_like(cell(), "cpu", {other: [pace(1, 1.0)]}) == ()
