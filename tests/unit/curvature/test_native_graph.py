"""The kernel of graphs against automatic differentiation of the modules they come from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from tests.unit.nets.batch_norms import BATCH_NORMED
from tests.unit.nets.chains import chains
from tests.unit.nets.own_modules import CLASSES, SHAPE, WRITTEN, Make
from torch import nn

from emc.curvature import Objective, certify_end_points
from emc.curvature.autograd import AutogradOperator
from emc.curvature.endpoint import EndPoint, operator_at
from emc.curvature.native import NativeOperator
from emc.curvature.parameters import flatten
from emc.engine.native import NativeBackEnd
from emc.engine.procedure import Procedure, Replica, Update
from emc.finish import FinishSettings, finish
from emc.nets.build import GraphFactory
from emc.nets.graph import Graph
from emc.nets.recognise import recognised
from emc.nets.traced_module import TracedModule
from emc.nets.tracing import traced
from emc.records import Outcome

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


@pytest.mark.parametrize("name", BATCH_NORMED)
def test_batch_norms_are_differentiated_by_torch(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A trained net, with its running statistics, is the module that it would be unknown."""
    known = recognised(BATCH_NORMED[name], SHAPE, CLASSES)
    unknown = TracedModule(known.make, None, unknown="left to torch")
    asked = Procedure(CLASSES, Update("adam"), module=known, batch=16, epochs=3)
    end = end_point({}, 40)
    replica = Replica(end.inputs, np.arange(40), end.labels, 3, 0.01)
    end = replace(end, parameters=NativeBackEnd().run(asked, [replica])[0].parameters)
    with caplog.at_level("INFO"):
        found = operator_at(known, end, Objective())
    assert isinstance(found, AutogradOperator)
    assert "do not differentiate this net: they do not know batch norms" in caplog.text
    one, other = found.first_order(), operator_at(unknown, end, Objective()).first_order()
    assert (one.loss, one.accuracy) == (other.loss, other.accuracy)
    np.testing.assert_array_equal(one.gradient, other.gradient)
    certified, expected = (
        certify_end_points(net, [end], Objective())[0] for net in (known, unknown)
    )
    assert (certified.verdict, certified.reason) == (expected.verdict, expected.reason)


class Kinked(nn.Module):
    """A block beside its own inputs and a head, both behind a ReLU rounded off over a width."""

    def __init__(self, inner: float = 0.0, last: float = 0.0) -> None:
        super().__init__()
        self.widths = (inner, last)
        self.embed = nn.Linear(128, 6)
        self.first, self.second = nn.Linear(6, 7), nn.Linear(7, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x.flatten(1))
        x = x + self.second(self.bent(self.first(x), self.widths[0]))
        logits: torch.Tensor = self.head(self.bent(x, self.widths[1]))
        return logits

    def bent(self, z: torch.Tensor, width: float) -> torch.Tensor:
        return torch.relu(z) if width == 0 else (z + (z * z + width**2).sqrt()) / 2


def kinked(n: int) -> tuple[NativeOperator, EndPoint]:
    known = recognised(Kinked, SHAPE, CLASSES)
    torch.manual_seed(4)
    values = {name: p.detach().numpy() for name, p in Kinked().named_parameters()}
    end = end_point(values, n)
    operator = operator_at(known, end, DECAYED)
    assert isinstance(operator, NativeOperator)
    return operator, end


def activated(operator: NativeOperator) -> list[int]:
    """Numbers of the steps with a kink."""
    scales = operator.scales()
    assert scales is not None
    return np.flatnonzero(scales).tolist()


@pytest.mark.parametrize(("inner", "last"), [(0.2, 0.05), (0.0, 0.3)])
def test_rounded_kinks_agree_with_automatic_derivatives(inner: float, last: float) -> None:
    operator, end = kinked(30)
    places, scales = activated(operator), operator.scales()
    assert scales is not None
    widths = np.zeros_like(scales)
    widths[places] = inner, last
    found = operator.rounded(widths)
    assert found is not None
    expected = AutogradOperator(
        Kinked(inner, last), end.parameters, end.inputs, end.labels, DECAYED
    )
    assert np.array_equal(found.parameters, expected.parameters)
    one, other = found.first_order(), expected.first_order()
    assert one.loss == pytest.approx(other.loss, rel=1e-12)
    assert one.loss != operator.first_order().loss
    np.testing.assert_allclose(one.gradient, other.gradient, atol=1e-12)
    vectors = np.random.default_rng(2).normal(size=(2, len(found.parameters)))
    np.testing.assert_allclose(found.products(vectors), expected.products(vectors), atol=1e-10)


@pytest.mark.parametrize("n", [1, 13, 200])
def test_scales_are_the_mean_sizes_before_each_kink(n: int) -> None:
    operator, end = kinked(n)
    made = Kinked()
    made.load_state_dict({name: torch.from_numpy(value) for name, value in end.parameters.items()})
    with torch.no_grad():
        embedded = made.embed(torch.from_numpy(end.inputs).flatten(1))
        before = made.first(embedded)
        after = embedded + made.second(torch.relu(before))
    scales = operator.scales()
    assert scales is not None
    expected = [float(part.abs().mean()) for part in (before, after)]
    assert scales[activated(operator)] == pytest.approx(expected, rel=1e-5)


def test_smooth_graphs_have_no_kinks_to_round_off() -> None:
    known = recognised(WRITTEN["residual"], SHAPE, CLASSES)
    values = {name: p.detach().numpy() for name, p in known().named_parameters()}
    assert operator_at(known, end_point(values, 30), Objective()).scales() is None


def test_a_kinked_graph_comes_to_rest_at_a_minimum() -> None:
    operator, _ = kinked(400)
    found = finish(operator, criterion=1.0, settings=FinishSettings(passes=50_000)).record
    assert found.outcome is Outcome.MINIMUM, found.reason
