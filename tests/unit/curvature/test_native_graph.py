"""The kernel of graphs against automatic differentiation of the modules they come from."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.unit.nets.own_modules import CLASSES, SHAPE, WRITTEN, Make, chains

from emc.curvature import Objective, certify_end_points
from emc.curvature.autograd import AutogradOperator
from emc.curvature.endpoint import EndPoint, operator_at
from emc.curvature.native import NativeOperator
from emc.curvature.parameters import flatten
from emc.nets.build import GraphFactory
from emc.nets.graph import Graph
from emc.nets.recognise import recognised
from emc.nets.traced_module import TracedModule
from emc.nets.tracing import traced

DECAYED = Objective(label_smoothing=0.1, weight_decay=0.01)
BY_GRAPH = [name for name in WRITTEN if name != "cnn with functions"]


def end_point(parameters: dict[str, np.ndarray], n: int) -> EndPoint:
    draw = np.random.default_rng(n)
    inputs = draw.normal(size=(n, *SHAPE)).astype(np.float32)
    return EndPoint(parameters, inputs, draw.integers(0, CLASSES, n), 0.0, 1)


def agrees(make: Make, n: int, objective: Objective = DECAYED) -> None:
    """Loss, gradient, accuracy and products of the kernel are those of the module itself."""
    torch.manual_seed(1)
    net = make()
    graph = traced(net, SHAPE, CLASSES)
    values = {name: p.detach().numpy() for name, p in net.named_parameters()}
    end = end_point(values, n)
    by_torch = AutogradOperator(net, values, end.inputs, end.labels, objective)
    inner = GraphFactory(graph)()
    own = {str(number): values[name] for number, name in enumerate(graph.parameters)}
    known = AutogradOperator(inner, own, end.inputs, end.labels, objective)
    native = NativeOperator(graph, known, end.inputs, end.labels)
    found, expected = native.first_order(), by_torch.first_order()
    order = np.concatenate([np.ravel(each) for each in _positions(values, graph)])
    assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    assert found.accuracy == expected.accuracy
    np.testing.assert_allclose(found.gradient, expected.gradient[order], atol=1e-12)
    vectors = np.random.default_rng(2).normal(size=(2, len(order)))
    inverse = np.argsort(order)
    np.testing.assert_allclose(
        native.products(vectors), by_torch.products(vectors[:, inverse])[:, order], atol=1e-10
    )


def _positions(values: dict[str, np.ndarray], graph: Graph) -> list[np.ndarray]:
    """Where the graph's parameters lie among the module's."""
    numbers = np.arange(sum(value.size for value in values.values()))
    ends = np.cumsum([value.size for value in values.values()])
    parts = dict(zip(values, np.split(numbers, ends[:-1]), strict=True))
    return [parts[name] for name in graph.parameters]


@pytest.mark.parametrize("n", [1, 70])
@pytest.mark.parametrize("name", WRITTEN)
def test_written_forwards(name: str, n: int) -> None:
    agrees(WRITTEN[name], n)


@given(make=chains())
@settings(max_examples=15, deadline=None)
def test_chains(make: Make) -> None:
    agrees(make, 9, Objective())


def test_squared_error() -> None:
    agrees(WRITTEN["residual"], 20, Objective("squared-error"))


@pytest.mark.parametrize("name", [*BY_GRAPH, "cnn with functions"])
def test_a_traced_module_is_differentiated_by_kernels(name: str) -> None:
    known = recognised(WRITTEN[name], SHAPE, CLASSES)
    values = {name: p.detach().numpy() for name, p in known().named_parameters()}
    operator = operator_at(known, end_point(values, 30), Objective())
    assert isinstance(operator, NativeOperator)
    assert np.array_equal(operator.parameters, flatten(dict(known.shapes), values))


def test_a_certificate_is_that_of_the_module() -> None:
    known = recognised(WRITTEN["own attention"], SHAPE, CLASSES)
    unknown = TracedModule(known.make, None, unknown="left to torch")
    values = {name: p.detach().numpy() for name, p in known().named_parameters()}
    ends = [end_point(values, 12)]
    found, expected = (certify_end_points(one, ends, Objective())[0] for one in (known, unknown))
    assert found.verdict == expected.verdict
    assert found.lambda_max == pytest.approx(expected.lambda_max, rel=1e-6)
