"""Channels to infinity and flat regions are told from minima."""

import numpy as np
from tests.unit.finish.creased import Creased, Creases

from emc.curvature import Objective, WrittenOperator
from emc.finish.descent import look
from emc.finish.infinity import flat, in_channel
from emc.nets.layers import Dense, Layers

TWO: Layers = (Dense(1, 2, True, "tanh"), Dense(2, 2, True, "identity"))


def merging(apart: float) -> WrittenOperator:
    """A bump of tanh's derivative by the difference of two units; class 1 lies under it."""
    inputs = np.linspace(-3, 3, 31, dtype=np.float32)[:, None]
    labels = (abs(inputs[:, 0]) < 0.8).astype(np.int64)
    out = 0.5 / apart
    weights = {
        "0.weight": np.array([[1.0], [1.0]]),
        "0.bias": np.array([apart, -apart]),
        "1.weight": np.array([[-out, out], [out, -out]]),
        "1.bias": np.array([1.0, 0.0]),
    }
    return WrittenOperator(TWO, weights, inputs, labels, Objective("squared-error"))


def test_units_that_merge_while_their_outputs_grow_apart_are_a_channel() -> None:
    operator = merging(0.03)
    assert in_channel(look(operator, operator.parameters), TWO)


def test_units_far_apart_are_none() -> None:
    operator = merging(1.5)
    assert not in_channel(look(operator, operator.parameters), TWO)


def test_a_short_gradient_along_which_the_loss_keeps_falling_is_flat() -> None:
    nothing = Creases(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    start = np.array([1000.0, 0.0])
    slope = Creased(np.diag([2e-6, 1.0]), np.array([4e-3, 0.0]), nothing, start)
    place = look(slope, start)  # type: ignore[arg-type]
    found = flat(place, place.seen.gradient)
    assert found is not None
    assert found.seen.loss < place.seen.loss


def test_a_gradient_that_soon_ends_is_not_flat() -> None:
    nothing = Creases(np.zeros((0, 2)), np.zeros(0), np.zeros(0))
    steep = Creased(np.eye(2), np.array([10.0, 0.0]), nothing, np.array([9.9, 0.0]))
    place = look(steep, steep.parameters)  # type: ignore[arg-type]
    assert flat(place, place.seen.gradient) is None
    assert flat(place, np.zeros(2)) is None
