"""Compiled quasi-Newton steps are those of `Descent` in the metric of preconditioned BFGS."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.curvature.nets import OBJECTIVES, cnn, mlp, of_unit, parameters, samples

from emc.curvature.native import FRESH, NativeOperator
from emc.curvature.objective import Objective
from emc.curvature.operator import Operator
from emc.curvature.written.operator import WrittenOperator
from emc.finish import FinishSettings, finish
from emc.finish.descent import Descent
from emc.finish.metered import Meter, Metered
from emc.native.descent import Descended, DescentEnd, DescentLimits
from emc.nets.layers import Dense, Layers
from emc.records import Outcome

SMOOTH: Layers = (Dense(5, 4, True, "tanh"), Dense(4, 3, True, "identity"))
LINEAR: Layers = (Dense(4, 3, True, "identity"),)
NEVER = 2.0
"""An accuracy that no point has."""


def native(net: Layers, n: int, *shape: int, objective: Objective, seed: int) -> NativeOperator:
    data = samples(n, *shape, classes=net[-1].outputs, seed=seed)
    return NativeOperator(net, WrittenOperator(net, parameters(net, seed), *data, objective), *data)


def compiled(
    operator: NativeOperator,
    history: int,
    *,
    steps: int = 1_000,
    evaluations: int = 100_000,
    gradient: float = 0.0,
    accuracy: float = NEVER,
) -> Descended:
    steps_of_it = operator.quasi_newton(history)
    assert steps_of_it is not None
    return steps_of_it.go_on(
        operator.parameters, DescentLimits(steps, evaluations, gradient, accuracy)
    )


class Preconditioned:
    """BFGS updates of a preconditioner by the last steps, as whole matrices."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []
        self._start: np.ndarray | None = None

    def ready(self, operator: Operator, gradient: np.ndarray) -> None:
        """Take the preconditioner of the first point; scale it as the kernels do."""
        if self._start is None:
            self._start = whole(operator)
        inverse = self._start
        if self._steps:
            s, y = self._steps[-1]
            inverse = inverse * (s @ y) / (y @ inverse @ y)
        else:
            length = 0.01 * max(float(np.linalg.norm(operator.parameters)), 1.0)
            inverse = inverse * length / max(float(np.linalg.norm(inverse @ gradient)), length)
        for s, y in self._steps:
            left = np.eye(len(s)) - np.outer(s, y) / (s @ y)
            inverse = left @ inverse @ left.T + np.outer(s, s) / (s @ y)
        self._inverse = inverse

    def apply(self, rows: np.ndarray) -> np.ndarray:
        applied: np.ndarray = rows @ self._inverse
        return applied

    def learn(self, step: np.ndarray, change: np.ndarray, length: float) -> None:
        if step @ change > 1e-10 * np.linalg.norm(step) * np.linalg.norm(change):
            self._steps = [*self._steps, (step, change)][-self._size :]

    def begin_anew(self) -> None:
        """Take the preconditioner of the next point."""
        self._start = None

    def shorten(self) -> bool:
        remembered, self._steps = bool(self._steps), []
        return remembered


def whole(operator: Operator) -> np.ndarray:
    """The preconditioner at the operator's point as a matrix [P, P]."""
    assert isinstance(operator, NativeOperator)
    matrix = np.zeros((len(operator.parameters),) * 2)
    for layer in operator.preconditioner():
        biases = layer.start + layer.outputs * layer.inputs
        for unit in range(layer.outputs):
            places = layer.start + unit * layer.inputs + np.arange(layer.inputs)
            if layer.bias:
                places = np.append(places, biases + unit)
            matrix[np.ix_(places, places)] = of_unit(layer)
    return matrix


@given(
    n=st.integers(1, 40),
    history=st.integers(1, 5),
    steps=st.integers(0, 12),
    objective=st.sampled_from(OBJECTIVES),
    seed=st.integers(0, 50),
)
@settings(max_examples=60, deadline=None)
def test_a_few_steps_lead_where_those_in_numpy_lead(
    n: int, history: int, steps: int, objective: Objective, seed: int
) -> None:
    operator = native(SMOOTH, n, 5, objective=objective, seed=seed)
    slow = Descent(operator, NEVER)
    stop = slow.go_on(Preconditioned(history), None, steps, 1e-4)
    quick = compiled(operator, history, steps=steps, gradient=1e-4)
    assert (quick.stop, quick.steps) == (stop, slow.iterations)
    np.testing.assert_allclose(quick.parameters, slow.place.parameters, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("net", [mlp("relu"), cnn("relu")])
def test_steps_over_rounded_kinks_lead_where_those_in_numpy_lead(net: Layers) -> None:
    shape = (6,) if isinstance(net[0], Dense) else (2, 7, 9)
    operator = native(net, 25, *shape, objective=Objective(), seed=1)
    scales = operator.scales()
    assert scales is not None
    rounded = operator.rounded(0.3 * scales)
    assert rounded is not None
    slow = Descent(rounded, NEVER)
    slow.go_on(Preconditioned(4), None, 8, 1e-4)
    quick = compiled(rounded, 4, steps=8, gradient=1e-4)
    np.testing.assert_allclose(quick.parameters, slow.place.parameters, rtol=1e-6, atol=1e-8)


def test_steps_go_on_with_what_was_remembered() -> None:
    operator = native(SMOOTH, 30, 5, objective=Objective(), seed=3)
    steps, metric, slow = operator.quasi_newton(5), Preconditioned(5), Descent(operator, NEVER)
    assert steps is not None
    at = operator.parameters
    for count in (4, 5):
        at = steps.go_on(at, DescentLimits(count, 1_000, 0.0, NEVER)).parameters
        metric.begin_anew()
        slow.go_on(metric, None, count, 0.0)
        np.testing.assert_allclose(at, slow.place.parameters, rtol=1e-7)


def test_the_preconditioner_is_made_anew_after_many_steps() -> None:
    operator = native(SMOOTH, 60, 5, objective=Objective(), seed=3)
    most = DescentLimits(2 * FRESH, 100_000, 0.0, NEVER)
    at_once, in_parts = operator.quasi_newton(5), operator.quasi_newton(5)
    assert at_once is not None
    assert in_parts is not None
    found, at = at_once.go_on(operator.parameters, most), operator.parameters
    for _ in range(2):
        at = in_parts.go_on(at, most._replace(steps=FRESH)).parameters
    np.testing.assert_array_equal(found.parameters, at)


def test_where_they_stop() -> None:
    convex = native(LINEAR, 30, 4, objective=Objective(weight_decay=0.1), seed=0)
    rest = compiled(convex, 5, gradient=1e-6)
    assert rest.stop is DescentEnd.STATIONARY
    assert np.linalg.norm(convex.at(rest.parameters).first_order().gradient) <= 1e-6
    assert compiled(convex, 5).stop is DescentEnd.JAM
    assert compiled(convex, 5, steps=2)[1:3] == (DescentEnd.LIMIT, 2)
    short = compiled(convex, 5, evaluations=3)
    assert short.stop is DescentEnd.LIMIT
    assert short.steps < rest.steps
    assert compiled(convex, 5, accuracy=0.0)[1:] == (DescentEnd.FITS, 0, 1)


def test_a_fit_is_the_first_point_with_the_accuracy() -> None:
    operator = native(SMOOTH, 6, 5, objective=Objective(), seed=2)
    found = compiled(operator, 5, accuracy=1.0)
    assert found.stop is DescentEnd.FITS
    assert operator.at(found.parameters).first_order().accuracy == 1.0
    before = compiled(operator, 5, steps=found.steps - 1)
    assert operator.at(before.parameters).first_order().accuracy < 1.0


def test_nothing_that_is_not_finite_is_gone_to() -> None:
    operator = native(LINEAR, 10, 4, objective=Objective("squared-error"), seed=1)
    lost = compiled(operator.at(np.full(15, 1e200)), 5, steps=3)
    assert lost.stop is DescentEnd.JAM
    np.testing.assert_array_equal(lost.parameters, np.full(15, 1e200))


def test_evaluations_are_passes() -> None:
    meter = Meter(inf)
    operator = Metered(native(SMOOTH, 20, 5, objective=Objective(), seed=0), meter)
    steps = operator.quasi_newton(5)
    assert steps is not None
    came = steps.go_on(operator.parameters, DescentLimits(7, 100, 0.0, NEVER))
    assert meter.made == came.evaluations >= 7


def test_several_threads_have_no_compiled_steps() -> None:
    net, data = mlp(), samples(20, 6)
    written = WrittenOperator(net, parameters(net), *data, Objective())
    assert NativeOperator(net, written, *data, threads=2).quasi_newton(5) is None


def test_a_net_in_float32_is_the_same_to_its_rounding() -> None:
    operator = native(mlp("relu"), 25, 6, objective=Objective(), seed=1)
    rounded = operator.rounded(np.full(3, 0.1))
    assert rounded is not None
    for known in (operator.at(operator.parameters + 0.1), rounded):
        single = known.single()
        assert single is not None
        assert single.single() is None
        exact, coarse = known.first_order(), single.first_order()
        assert coarse.loss == pytest.approx(exact.loss, rel=1e-5)
        assert coarse.loss != exact.loss
        np.testing.assert_allclose(coarse.gradient, exact.gradient, atol=1e-5)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_compiled_finish_is_decided_as_one_in_numpy(activation: str) -> None:
    """Where one parameter per sample is missing nothing fits; with many more everything does."""
    net: Layers = (Dense(6, 5, True, activation), Dense(5, 3, True, "identity"))
    for n, outcome in ((8, Outcome.FINISHED), (400, Outcome.MINIMUM)):
        operator = native(net, n, 6, objective=Objective(), seed=4)
        for each in (operator, operator._known):
            found = finish(each, criterion=1.0, settings=FinishSettings(passes=100_000)).record
            assert found.outcome is outcome, found.reason
