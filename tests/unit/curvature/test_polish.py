"""L-BFGS from end points: it fits what can be fitted, rests at minima, and leaves saddles."""

from math import inf

import numpy as np
import pytest
from scipy.optimize import minimize
from tests.unit.curvature.matrices import Quadratic, rotated

from emc.curvature import EndPoint, Objective, Settings, WrittenOperator, polish_end_point
from emc.curvature.descent import Descent
from emc.curvature.parameters import EndPointError
from emc.curvature.polish import polish
from emc.nets.module import module
from emc.nets.plan import Dense, Plan
from emc.records import Verdict

LINEAR: Plan = (Dense(8, 3, True, "identity"),)
XOR: Plan = (Dense(2, 3, True, "tanh"), Dense(3, 2, True, "identity"))
RIDGE = Objective(weight_decay=0.05)
LONG = Settings(polish=200)


def linear(n: int) -> EndPoint:
    """Random labels, from zero weights: few samples are separable, many are not."""
    draw = np.random.default_rng(2)
    return EndPoint(
        {"0.weight": np.zeros((3, 8)), "0.bias": np.zeros(3)},
        draw.normal(size=(n, 8)).astype(np.float32),
        draw.integers(3, size=n),
        plateau=inf,
        seed=1,
    )


def saddle() -> EndPoint:
    """XOR with all tanh units at zero."""
    weights = {
        "0.weight": np.zeros((3, 2)),
        "0.bias": np.zeros(3),
        "1.weight": np.zeros((2, 3)),
        "1.bias": np.log([0.6, 0.4]),
    }
    inputs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1]], np.float32)
    return EndPoint(weights, inputs, np.array([0, 1, 1, 0, 0]), plateau=0.0, seed=3)


def test_an_unfinished_run_is_told_by_a_fit() -> None:
    found = polish_end_point(LINEAR, linear(6), Objective(), criterion=1.0, settings=LONG)
    assert (found.fits, found.accuracy, found.judgement) == (True, 1.0, None)
    assert 0 < found.iterations < 200
    assert found.loss < np.log(3)


def test_what_cannot_be_fitted_ends_at_the_minimum_that_scipy_finds() -> None:
    end = linear(60)
    found = polish_end_point(LINEAR, end, RIDGE, criterion=1.0, settings=LONG)

    def value(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = {"0.weight": flat[:24].reshape(3, 8), "0.bias": flat[24:]}
        point = WrittenOperator(LINEAR, weights, end.inputs, end.labels, RIDGE).first_order()
        return point.loss, point.gradient

    best = minimize(value, np.zeros(27), jac=True, method="BFGS", options={"gtol": 1e-8})
    assert not found.fits
    assert found.judgement is not None
    assert found.judgement.verdict is Verdict.MINIMUM
    assert found.gradient_norm <= 0.1 * LONG.gradient
    assert found.loss == pytest.approx(best.fun, abs=1e-7)
    assert found.judgement.loss == found.loss


def test_a_lower_criterion_is_fitted_sooner() -> None:
    half = polish_end_point(LINEAR, linear(60), Objective(), criterion=0.5, settings=LONG)
    assert half.fits
    assert 0.5 <= half.accuracy < 1


def test_iterations_are_counted_and_bounded() -> None:
    found = polish_end_point(LINEAR, linear(60), RIDGE, criterion=1.0, settings=Settings(polish=2))
    assert found.iterations == 2
    assert found.judgement is not None
    assert found.judgement.verdict is Verdict.UNCONVERGED


def test_a_saddle_stays_one_unless_it_may_be_left() -> None:
    stays = polish_end_point(XOR, saddle(), Objective(), criterion=1.0, settings=LONG)
    assert stays.judgement is not None
    assert (stays.judgement.verdict, stays.escapes) == (Verdict.SADDLE, 0)
    leaves = Settings(polish=200, escapes=1)
    left = polish_end_point(XOR, saddle(), Objective(), criterion=1.0, settings=leaves)
    assert (left.fits, left.escapes) == (True, 1)
    assert left.loss < stays.loss


def test_a_module_is_polished_as_its_plan_is() -> None:
    settings = Settings(polish=200, escapes=1)
    written, torch = (
        polish_end_point(net, saddle(), Objective(), criterion=1.0, settings=settings)
        for net in (XOR, lambda: module(XOR))
    )
    assert torch.fits
    assert torch.loss == pytest.approx(written.loss, rel=1e-6)


def test_a_saddle_without_a_way_down_in_reach_is_not_left() -> None:
    """The loss rises along every step that is tried: the curvature is negative at the point only.

    Steps begin at 1e-4 of the weights' norm.
    """
    hidden = Quadratic(np.eye(3))
    hidden.products = lambda vectors: vectors * [-1.0, 1.0, 1.0]
    hidden.dense = lambda: np.diag([-1.0, 1.0, 1.0])
    found = polish(hidden, criterion=1.0, seed=0, settings=Settings(polish=9, escapes=5))
    assert found.escapes == 0
    assert found.judgement is not None
    assert found.judgement.verdict is Verdict.SADDLE


def test_escapes_are_at_most_those_allowed() -> None:
    """A quadratic saddle has no end: each escape leads further down."""
    point = Quadratic(rotated(np.array([-0.5, 1.0, 2.0])))
    found = polish(point, criterion=1.0, seed=0, settings=Settings(polish=1, escapes=4))
    assert found.escapes <= 4
    assert found.loss < 1


def test_a_point_at_rest_takes_no_step() -> None:
    descent = Descent(Quadratic(np.eye(4)), 1.0, LONG)
    descent.go_on(10)
    assert (descent.iterations, descent.over, descent.fits) == (0, True, False)


def test_an_end_point_of_another_net_is_refused() -> None:
    with pytest.raises(EndPointError, match="does not belong to the net"):
        polish_end_point(XOR, linear(6), Objective(), criterion=1.0, settings=LONG)
