"""What is expected of a cell before any probe."""

import math
from typing import Any

import pytest

from emc.curvature.bound import iterations
from emc.measurement.expectation import (
    expectation,
    expectations,
    expected_emc50,
    expected_probes,
)
from emc.measurement.kinds import kind, work
from emc.records import Pace
from emc.study import Cell, PlannedCell


def cell(**keys: Any) -> Cell:
    content = {
        "dataset": "digits",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 8},
        "optimizer": {"name": "sgd", "lr": [0.1, 0.3]},
        "batch": {"size": 32},
        "budget": {"steps": 1000},
        "finish": {"effort": 3},
        "search": {"probes": 30},
        **keys,
    }
    return Cell.model_validate(content)


def paces(one: Cell, **amounts: float) -> dict[str, list[Pace]]:
    given = {
        "work": work(one),
        "training": 0,
        "together": 1,
        "gradients": 1,
        "finishing": 0,
        "passing": 0,
        "starting": 0,
        "megabytes": 100,
    }
    return {kind(one, "cpu"): [Pace(one.parameters, **given | amounts)]}


def seconds(one: Cell, **amounts: float) -> float:
    found = expectation(one, paces(one, **amounts), "cpu")
    assert found is not None
    return found.seconds


def test_random_labels_take_bits() -> None:
    assert expected_emc50(cell()) == pytest.approx(1.2 * cell().parameters / math.log2(10))
    two = cell(labels={"name": "random", "classes": 2})
    assert expected_emc50(two) == pytest.approx(1.2 * two.parameters)


def test_weights_that_few_samples_do_not_reach_hold_nothing() -> None:
    """Two units over 784 pixels see no more dimensions than there are samples."""
    narrow = cell(dataset="mnist-5k", architecture={"name": "mlp", "depth": 1, "width": 2})
    n = expected_emc50(narrow)
    reached = narrow.parameters - 2 * (784 - n)
    assert n == pytest.approx(1.2 * reached / math.log2(10))
    assert n < 100


def test_easy_labels_let_more_be_fitted() -> None:
    small = {"name": "cnn", "depth": 2, "width": 1}
    random = expected_emc50(cell(dataset="mnist-5k", architecture=small))
    noisy = expected_emc50(cell(dataset="mnist-5k", architecture=small, labels={"noisy": 0.2}))
    assert noisy == pytest.approx(1.5 * random)


def test_convolutions_fit_more_images_with_their_own_labels() -> None:
    small = {"name": "cnn", "depth": 2, "width": 1}
    random = expected_emc50(cell(architecture=small))
    own = expected_emc50(cell(architecture=small, labels="original"))
    assert own == pytest.approx(20 * random)


def test_what_the_study_expects_counts() -> None:
    assert expected_emc50(cell(search={"expected": {"emc50": 77}})) == 77


def test_no_more_than_there_are_and_no_less_than_the_smallest() -> None:
    wide = cell(architecture={"name": "mlp", "depth": 1, "width": 4000})
    assert expected_emc50(wide) == 1438
    assert expected_emc50(cell(search={"smallest": 900})) == 900


@pytest.mark.parametrize(
    ("search", "probes"),
    [
        ({"probes": 30}, 30.0),
        ({"probes": 9000, "tolerance": 0.1}, 2 * 4 + 40 + (1.96 * 0.3 / 0.1) ** 2),
        (
            {"method": "bisection", "probes": 9000, "tolerance": 2**0.25 - 1},
            2 * (math.log2(220.35) + 1 + 2),
        ),
        ({"method": "ladder", "probes": 9000}, 2 * (math.log(220.35) / math.log(1.64) + 1)),
        (
            {"method": "walk", "probes": 9000},
            2 * (40 + math.log(220.35 / 40) / math.log(1.025) + 1),
        ),
    ],
)
def test_probes(search: dict[str, Any], probes: float) -> None:
    assert expected_emc50(cell()) == pytest.approx(220.35, abs=0.1)
    assert expected_probes(cell(search=search)) == pytest.approx(probes, rel=1e-3)


def test_data_that_end_first_take_few_probes_which_fit_soon() -> None:
    """Four at each rate and nine: one in five uses up its budget, the others a twentieth of it."""
    wide = cell(architecture={"name": "mlp", "depth": 1, "width": 4000})
    assert expected_probes(wide) == 17
    assert seconds(wide, training=1e-3) == pytest.approx(17 * 0.24 * 1000 * 32 * 1e-3)


def test_training_takes_steps_times_samples() -> None:
    """Seven in ten use up their budget, the others a fifth of it."""
    whole = 30 * (0.7 + 0.3 * 0.2)
    assert seconds(cell(), training=1e-6, starting=2) == pytest.approx(2 + whole * 1000 * 32 * 1e-6)
    epochs = cell(budget={"epochs": 10})
    n = expected_emc50(epochs)
    assert seconds(epochs, training=1e-6) == pytest.approx(whole * 10 * n * 1e-6)
    full = cell(optimizer={"name": "gd", "lr": 0.1})
    assert seconds(full, training=1e-6) == pytest.approx(whole * 1000 * n * 1e-6)


def test_replicas_side_by_side_end_with_the_last_of_them() -> None:
    """Three in ten fit within a fifth of the budget; hardly ever all of eight do."""
    pair = 30 * (1 - 0.3**2 * 0.8) * 1000 * 32 * 1e-6
    assert seconds(cell(), training=1e-6, together=2) == pytest.approx(pair)
    assert seconds(cell(), training=1e-6, together=8) == pytest.approx(30 * 1000 * 32e-6, rel=1e-3)


def test_a_walk_meets_one_run_that_does_not_fit_at_each_rate() -> None:
    walk = cell(search={"method": "walk", "probes": 9000})
    fits = expected_probes(walk) - 2
    assert seconds(walk, training=1e-6) == pytest.approx((2 + 0.05 * fits) * 1000 * 32 * 1e-6)


def passes_of_a_finish(effort: float, **keys: Any) -> float:
    """Without those that examine the curvature."""
    one = cell(finish={"effort": effort}, **keys)
    examined = min(2 * iterations(1e-3, one.parameters, 0.01), allowed(effort, **keys))
    return seconds(one, passing=1.0) / (0.7 * expected_probes(one)) - 0.25 * examined


def allowed(effort: float, **keys: Any) -> float:
    """Effort is measured by 960,000 gradients where a training takes fewer, as this one does."""
    return effort * 960_000 / expected_emc50(cell(**keys))


def of_turns(needed: float, effort: float, **keys: Any) -> float:
    """As many of allowed / needed + 1 finishes stay open as one; others take what is needed.

    Five of seven of these end at a minimum, and go on for a fifteenth of the passes allowed, or for
    a thousand.
    """
    most = allowed(effort, **keys)
    opened = needed / (needed + most)
    return opened * most + (1 - opened) * min(needed + 5 / 7 * max(most / 15, 1000), most)


def test_a_small_effort_allows_few_passes_which_are_all_made() -> None:
    assert passes_of_a_finish(1e-3) == pytest.approx(allowed(1e-3))


@pytest.mark.parametrize("effort", [1, 10, 1000])
@pytest.mark.parametrize(("width", "turn"), [(4, 500 + 20 * 310), (8, 500 + 20 * 150)])
def test_a_finish_takes_turns_of_steps(width: int, turn: float, effort: float) -> None:
    """Five hundred quasi-Newton steps and ten of Newton's, three times with kinks.

    These see all 310 directions of a net, or 150 of more than 400, at two passes each.
    """
    net = {"architecture": {"name": "mlp", "depth": 1, "width": width}}
    assert cell(**net).parameters == {4: 310, 8: 610}[width]
    found = passes_of_a_finish(effort, **net)
    assert found == pytest.approx(of_turns(3 * turn, effort, **net))


@pytest.mark.parametrize(
    ("keys", "times"),
    [
        ({"architecture": "linear"}, 0.4),
        ({"architecture": {"name": "mlp", "depth": 3, "width": 8}}, 3),
        ({"architecture": {"name": "mlp", "depth": 3, "width": 8}, "activation": "tanh"}, 1),
        ({"activation": "silu"}, 4),
        ({"activation": "identity"}, 5),
        ({"architecture": {"name": "cnn", "depth": 2, "width": 3}}, 1.5),
        ({"loss": {"label_smoothing": 0.1}}, 12),
        ({"parameterisation": {"name": "low-rank", "rank": 2}}, 1.5),
        ({"architecture": {"name": "mlp-mixer", "depth": 1, "patch": 4, "width": 4}}, 1.5),
        ({"optimizer": {"name": "sgd", "lr": [0.1, 0.3], "weight_decay": 1e-3}}, 12),
        ({"optimizer": {"name": "adamw", "lr": [0.1, 0.3], "weight_decay": 1e-3}}, 3),
    ],
)
def test_what_makes_finishes_longer(keys: dict[str, Any], times: float) -> None:
    parameters = cell(**keys).parameters
    turn = 500 + 20 * (parameters if parameters <= 400 else 150)
    wanted = of_turns(times * turn, 50, **keys)
    assert passes_of_a_finish(50, **keys) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(
    "keys",
    [
        {"finish": {"iterations": 0}, "search": {"aim": "budget", "probes": 30}},
        {"optimizer": {"name": "sam", "lr": [0.1, 0.3]}},
        {"parameterisation": {"name": "quantised", "bits": 4}},
    ],
)
def test_what_is_never_finished_takes_no_passes(keys: dict[str, Any]) -> None:
    assert seconds(cell(**keys), passing=1.0, finishing=1.0) == 0


def test_data_that_may_end_first_are_no_easy_ones() -> None:
    """Half as many again as there are must be expected to fit."""
    wide = {"name": "mlp", "depth": 1, "params": 4.5e3}
    assert expected_emc50(cell(architecture=wide)) == 1438
    assert expected_probes(cell(architecture=wide)) == 30


def test_memory_has_the_data_as_they_lie_and_as_numbers() -> None:
    found = expectation(cell(), paces(cell()), "cpu")
    assert found is not None
    assert found.megabytes == pytest.approx(100 + 5 * 1438 * 64 / 2**20)


def test_what_is_not_known_is_not_expected() -> None:
    unknown = cell(dataset={"name": "csv", "file": "t.csv", "label": "y"})
    assert expectation(unknown, paces(cell()), "cpu") is None
    planned = [PlannedCell(name, one, "", ()) for name, one in (("a", cell()), ("b", unknown))]
    assert set(expectations(planned, paces(cell()), "cpu")) == {"a"}
    assert expectations(planned, {}, "cpu") == {}
