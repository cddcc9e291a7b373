"""A finish fits what can be fitted, and stands at minima, on kinks too."""

from typing import Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize
from tests.unit.curvature.nets import parameters, samples
from tests.unit.finish.creased import Creased, Creases, creased

from emc.curvature import Objective, WrittenOperator
from emc.curvature.parameters import EndPointError
from emc.finish import FinishSettings, finish
from emc.nets.layers import Dense, Layers, initial
from emc.records import FirstOrderTest, Outcome

EXACT = FinishSettings(gradient=1e-9)
XOR: Layers = (Dense(2, 3, True, "tanh"), Dense(3, 2, True, "identity"))


def random_net(
    net: Layers, n: int, objective: Objective, seed: int, classes: int = 3
) -> WrittenOperator:
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(n, net[0].inputs)).astype(np.float32)
    labels = draw.integers(classes, size=n)
    return WrittenOperator(net, initial(net, "torch", draw), inputs, labels, objective)


def least(operator: Creased) -> float:
    """The least value, by a smooth program: creases become variables u >= 0, u >= n'x - t."""
    p, kinks = len(operator.pull), operator.kinks

    def value(z: np.ndarray) -> float:
        x = z[:p]
        return float(x @ operator.hessian @ x / 2 - operator.pull @ x + kinks.slopes @ z[p:])

    above = {"type": "ineq", "fun": lambda z: z[p:] - kinks.values(z[:p])}
    bounds = [(None, None)] * p + [(0, None)] * len(kinks.slopes)
    start = np.concatenate([operator.parameters, np.maximum(0, kinks.values(operator.parameters))])
    options = {"maxiter": 2000, "ftol": 1e-14}
    return float(minimize(value, start, bounds=bounds, constraints=[above], options=options).fun)


@pytest.mark.parametrize("seed", range(6))
def test_the_minimum_of_a_creased_parabola_is_found_and_certified(seed: int) -> None:
    operator = creased(seed)
    found = finish(operator, criterion=1.0, settings=EXACT)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.MINIMUM
    assert found.record.test is FirstOrderTest.DIRECTIONAL
    assert found.record.kinks > 0
    assert found.record.loss == pytest.approx(least(operator), abs=1e-6)
    assert found.record.loss <= least(operator) + 1e-8


@pytest.mark.parametrize("seed", range(3))
def test_a_minimum_on_kinks_is_not_left(seed: int) -> None:
    operator = creased(seed)
    found = finish(operator, criterion=1.0, settings=EXACT)
    again = finish(operator.at(found.parameters), criterion=1.0)
    assert (again.record.outcome, again.record.iterations) == (Outcome.MINIMUM, 0)
    assert again.record.kinks == found.record.kinks
    np.testing.assert_array_equal(again.parameters, found.parameters)


def test_a_kink_whose_clarke_combination_vanishes_is_left_where_it_is_concave() -> None:
    """w^2 / 2 - |w| at zero: the one-sided gradients 1 and -1 cancel, but both sides lead down."""
    kink = Creases(np.array([[1.0]]), np.zeros(1), np.array([-2.0]))
    operator = Creased(np.eye(1), np.array([-1.0]), kink, np.zeros(1))
    found = finish(operator, criterion=1.0, settings=EXACT)  # type: ignore[arg-type]
    assert abs(found.parameters[0]) == pytest.approx(1.0)
    assert (found.record.outcome, found.record.kinks) == (Outcome.MINIMUM, 0)


def test_a_kink_that_holds_is_a_minimum_at_once() -> None:
    """w^2 / 2 + |w| at zero."""
    kink = Creases(np.array([[1.0]]), np.zeros(1), np.array([2.0]))
    operator = Creased(np.eye(1), np.array([1.0]), kink, np.zeros(1))
    found = finish(operator, criterion=1.0, settings=EXACT)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.MINIMUM
    assert found.record.kinks == 1
    assert abs(found.parameters[0]) < 1e-9


def test_a_short_gradient_in_a_long_valley_is_no_minimum() -> None:
    """x^2 / 2 + 1e-6 y^2 / 2 at (5e-4, 500): of 0.125, straight down leads to no less.

    The gradient is 7e-4 long there and points aside as much as along the valley.
    """
    none = Creases(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    start = np.array([5e-4, 500.0])
    operator = Creased(np.diag([1.0, 1e-6]), np.zeros(2), none, start)
    assert np.linalg.norm(operator.first_order().gradient) < FinishSettings().gradient
    found = finish(operator, criterion=1.0)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.MINIMUM
    assert found.record.loss < 1e-3


def test_a_minimum_needs_passes_that_show_that_the_loss_stands_still() -> None:
    """The same without enough of them: nobody knows yet whether it is a minimum."""
    none = Creases(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    operator = Creased(np.eye(2), np.zeros(2), none, np.array([5e-4, 0.0]))
    few = FinishSettings(passes=1.0)
    found = finish(operator, criterion=1.0, settings=few)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.OPEN
    assert "ran out" in found.record.reason
    enough = FinishSettings(passes=100.0)
    found = finish(operator, criterion=1.0, settings=enough)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.MINIMUM


def test_a_minimum_needs_steps_that_show_that_the_loss_stands_still() -> None:
    none = Creases(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    operator = Creased(np.eye(2), np.zeros(2), none, np.array([5e-4, 0.0]))
    without = FinishSettings(iterations=0, newton=0)
    found = finish(operator, criterion=1.0, settings=without)  # type: ignore[arg-type]
    assert found.record.outcome is Outcome.OPEN
    assert "ran out" in found.record.reason


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(4, 24))
def test_a_linear_net_fits_what_is_separable_and_nothing_else(seed: int, n: int) -> None:
    """By linear programming: some margins w_y x - w_c x >= 1, or none."""
    net: Layers = (Dense(4, 3, True, "identity"),)
    operator = random_net(net, n, Objective(), seed)
    draw = np.random.default_rng(seed)
    inputs = draw.normal(size=(n, 4)).astype(np.float32)
    labels = draw.integers(3, size=n)
    x = np.column_stack([inputs, np.ones(n)])
    rows = []
    for row, label in zip(x, labels, strict=True):
        for other in {0, 1, 2} - {label}:
            margin = np.zeros((3, 5))
            margin[other], margin[label] = row, -row
            rows.append(margin.ravel())
    program = linprog(np.zeros(15), np.array(rows), -np.ones(len(rows)), bounds=(None, None))
    found = finish(operator, criterion=1.0, settings=FinishSettings(gradient=1e-6))
    assert found.record.outcome is (Outcome.FINISHED if program.status == 0 else Outcome.MINIMUM)


@pytest.mark.parametrize("activation", ["tanh", "gelu", "silu", "sigmoid"])
@pytest.mark.parametrize(
    "objective",
    [
        Objective(weight_decay=1e-2),
        Objective("squared-error", weight_decay=1e-2),
        Objective("cross-entropy", 0.1, 1e-2),
    ],
)
def test_smooth_nets_are_brought_to_a_vanishing_gradient(
    activation: str, objective: Objective
) -> None:
    net: Layers = (Dense(4, 3, True, activation), Dense(3, 3, True, "identity"))
    operator = random_net(net, 40, objective, 3)
    wanted = FinishSettings(gradient=1e-10, iterations=100)
    found = finish(operator, criterion=1.0, settings=wanted)
    assert found.record.outcome is Outcome.MINIMUM
    assert found.record.test is FirstOrderTest.GRADIENT
    gradient = operator.at(found.parameters).first_order().gradient
    assert np.linalg.norm(gradient) <= 1e-10


def test_a_relu_net_comes_to_rest_on_kinks_that_no_direction_leads_off() -> None:
    net: Layers = (Dense(3, 4, True, "relu"), Dense(4, 3, True, "identity"))
    operator = random_net(net, 60, Objective(weight_decay=1e-3), 8)
    found = finish(operator, criterion=1.0, settings=FinishSettings(gradient=1e-7))
    assert found.record.outcome is Outcome.MINIMUM
    assert found.record.test is FirstOrderTest.DIRECTIONAL
    draw = np.random.default_rng(0)
    for size in (1e-5, 1e-4):
        for direction in draw.normal(size=(300, len(found.parameters))):
            near = operator.at(found.parameters + size * direction).first_order()
            assert near.loss >= found.record.loss - 1e-7 * size * len(direction) - 1e-15


def two_hidden_layers(seed: int) -> WrittenOperator:
    net: Layers = (
        Dense(6, 8, True, "relu"),
        Dense(8, 8, True, "relu"),
        Dense(8, 3, True, "identity"),
    )
    return random_net(net, 90, Objective(), seed)


@pytest.mark.parametrize("seed", range(4))
def test_two_hidden_layers_of_relu_are_decided_by_points_that_random_steps_confirm(
    seed: int,
) -> None:
    operator = two_hidden_layers(seed)
    found = finish(operator, criterion=1.0)
    end = operator.at(found.parameters)
    if found.record.outcome is Outcome.FINISHED:
        assert end.first_order().accuracy == 1.0
        return
    assert found.record.outcome is Outcome.MINIMUM
    draw = np.random.default_rng(0)
    for direction in draw.normal(size=(300, len(found.parameters))):
        step = 1e-5 * direction / np.linalg.norm(direction)
        rise = operator.at(found.parameters + step).first_order().loss - found.record.loss
        assert rise >= -1e-3 * 1e-5


def test_a_fit_with_rounded_kinks_alone_is_none() -> None:
    """Rounded off over twice its mean |z|, one unit separates what a ReLU leaves at zero."""
    net: Layers = (Dense(1, 1, True, "relu"), Dense(1, 2, True, "identity"))
    inputs = np.array([[-2.0], [-1.0]], np.float32)
    weights = {
        "0.weight": np.ones((1, 1)),
        "0.bias": np.zeros(1),
        "1.weight": np.array([[-40.0], [40.0]]),
        "1.bias": np.array([37.7, -37.7]),
    }
    operator = WrittenOperator(net, weights, inputs, np.array([0, 1]), Objective())
    assert operator.rounded(np.array([3.0, 0.0])).first_order().accuracy == 1.0
    still = FinishSettings(rounding=2.0, iterations=0, newton=0)
    found = finish(operator, criterion=1.0, settings=still)
    end = operator.at(found.parameters).first_order()
    assert (found.record.outcome is Outcome.FINISHED) == (end.accuracy == 1.0)


@pytest.mark.parametrize("seed", range(4))
def test_kinks_rounded_off_never_lead_up(seed: int) -> None:
    """Rounded off over all of their scale they make a loss that can fall while this one rises."""
    begun = two_hidden_layers(seed)
    low = begun.at(finish(begun, criterion=1.0, settings=FinishSettings(passes=300.0)).parameters)
    wide = FinishSettings(passes=200.0, rounding=0.99)
    found = finish(low, criterion=1.0, settings=wide)
    assert found.record.loss <= low.first_order().loss


class Rounding(WrittenOperator):
    """An objective that notes over which widths its kinks were rounded off."""

    widths: list[float]

    def rounded(self, widths: np.ndarray) -> Self | None:
        self.widths.append(float(widths[0]))
        return super().rounded(widths)


def test_widths_follow_the_scale_while_the_loss_falls() -> None:
    net: Layers = (Dense(20, 6, True, "relu"), Dense(6, 5, True, "identity"))
    inputs, labels = samples(150, 20, classes=5, seed=1)
    operator = Rounding(net, parameters(net, 1), inputs, labels, Objective())
    operator.widths = []
    finish(operator, criterion=1.0, settings=FinishSettings(passes=4000.0, newton=0))
    first, second = list(dict.fromkeys(operator.widths))[:2]
    assert second > 1.5 * first


def test_a_saddle_is_left_along_its_negative_curvature_unless_it_may_not_be() -> None:
    """XOR with all tanh units at zero."""
    weights = {
        "0.weight": np.zeros((3, 2)),
        "0.bias": np.zeros(3),
        "1.weight": np.zeros((2, 3)),
        "1.bias": np.log([0.6, 0.4]),
    }
    inputs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1]], np.float32)
    operator = WrittenOperator(XOR, weights, inputs, np.array([0, 1, 1, 0, 0]), Objective())
    left = finish(operator, criterion=1.0)
    assert (left.record.outcome, left.record.escapes) == (Outcome.FINISHED, 1)
    stays = finish(operator, criterion=1.0, settings=FinishSettings(escapes=0))
    assert (stays.record.outcome, stays.record.escapes) == (Outcome.OPEN, 0)
    assert "saddle" in stays.record.reason


class Counting(WrittenOperator):
    """An objective that counts its Hessian products at all points."""

    counted: list[int]

    def products(self, vectors: np.ndarray) -> np.ndarray:
        self.counted.append(len(vectors))
        return super().products(vectors)


@pytest.mark.parametrize(("passes", "waits"), [(700, True), (3000, False)])
def test_exact_steps_wait_while_cheap_ones_lower_the_loss(passes: float, *, waits: bool) -> None:
    net: Layers = (Dense(6, 5, True, "tanh"), Dense(5, 3, True, "identity"))
    inputs, labels = samples(120, 6, classes=3, seed=3)
    operator = Counting(net, parameters(net, 3), inputs, labels, Objective())
    operator.counted = []
    finish(operator, criterion=1.0, settings=FinishSettings(passes=passes, gradient=1e-9))
    assert (not operator.counted) == waits


def test_iterations_that_run_out_leave_it_open() -> None:
    net: Layers = (Dense(4, 3, True, "identity"),)
    operator = random_net(net, 40, Objective(), 1)
    short = FinishSettings(iterations=2, newton=0, gradient=1e-8)
    found = finish(operator, criterion=1.0, settings=short)
    assert (found.record.outcome, found.record.iterations) == (Outcome.OPEN, 4)
    assert "ran out" in found.record.reason


def test_a_point_that_fits_is_finished_without_a_step() -> None:
    net: Layers = (Dense(4, 3, True, "identity"),)
    found = finish(random_net(net, 40, Objective(), 1), criterion=0.1)
    assert (found.record.outcome, found.record.iterations) == (Outcome.FINISHED, 0)
    assert found.record.test is None


def test_the_same_run_gives_the_same_bits() -> None:
    net: Layers = (Dense(4, 6, True, "relu"), Dense(6, 3, True, "identity"))
    one, other = (
        finish(random_net(net, 50, Objective(), 5), criterion=1.0).parameters for _ in range(2)
    )
    assert np.array_equal(one, other)


def test_a_point_without_a_finite_loss_is_refused() -> None:
    net: Layers = (Dense(4, 3, True, "identity"),)
    operator = random_net(net, 10, Objective("squared-error"), 1)
    with pytest.raises(EndPointError, match="not finite"), np.errstate(over="ignore"):
        finish(operator.at(np.full(15, 1e200)), criterion=1.0)
