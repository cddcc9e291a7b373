"""Which weights the logits grow with, and fits on their way to infinity."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import mlp, parameters, samples, state
from torch import Tensor, nn
from torch.nn.functional import linear, normalize
from torch.nn.utils.parametrizations import weight_norm

from emc.curvature import CertificateTolerances, Objective, WrittenOperator, certify_operator
from emc.curvature.autograd import AutogradOperator
from emc.curvature.choose import choose_operator
from emc.nets.layers import Dense
from emc.records import Verdict


class Cosine(nn.Module):
    """Logits bounded by the scale, which may be trained."""

    def __init__(self, *, scale: float = 4.0, trained: bool = False) -> None:
        super().__init__()
        self.body = nn.Linear(6, 5)
        self.head = nn.Parameter(torch.randn(3, 5))
        self.scale = nn.Parameter(torch.tensor(scale), requires_grad=trained)

    def forward(self, x: Tensor) -> Tensor:
        features = normalize(self.body(x).tanh())
        return self.scale * linear(features, normalize(self.head))


class HeadFirst(nn.Module):
    """Registers its head before its body, and answers log-probabilities."""

    def __init__(self, answer: Callable[..., Tensor]) -> None:
        super().__init__()
        self.head, self.body, self._answer = nn.Linear(5, 3), nn.Linear(6, 5), answer

    def forward(self, x: Tensor) -> Tensor:
        return self._answer(self.head(self.body(x).tanh()), dim=-1)


def body(head: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 5), nn.GELU(), head)


NETS: dict[str, tuple[Callable[[], nn.Module], str | None]] = {
    "linear head": (lambda: body(nn.Linear(5, 3)), "the weights of '2'"),
    "without bias": (lambda: body(nn.Linear(5, 3, bias=False)), "the weights of '2'"),
    "normalised head": (lambda: body(weight_norm(nn.Linear(5, 3))), "the weights of '2'"),
    "two layers": (
        lambda: body(nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.5), nn.Linear(4, 3))),
        "the weights of '2.2'",
    ),
    "one layer": (lambda: nn.Linear(6, 3), "all weights"),
    "log-probabilities": (lambda: HeadFirst(torch.log_softmax), "the weights of 'head'"),
    "probabilities": (lambda: HeadFirst(torch.softmax), None),
    "cosine": (Cosine, None),
    "cosine with a temperature": (lambda: Cosine(trained=True), "the weight 'scale'"),
    "frozen head": (lambda: body(nn.Linear(5, 3).requires_grad_(False)), None),
    "frozen bias": (lambda: _frozen_bias(body(nn.Linear(5, 3))), None),
    "bounded by tanh": (lambda: nn.Sequential(nn.Linear(6, 3), nn.Tanh()), None),
    "one class": (lambda: body(nn.Linear(5, 1)), None),
}


def _frozen_bias(net: nn.Module) -> nn.Module:
    net.get_parameter("2.bias").requires_grad_(False)
    return net


def trained(net: nn.Module) -> dict[str, np.ndarray]:
    named = net.named_parameters()
    return {name: value.numpy(force=True) for name, value in named if value.requires_grad}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_what_the_logits_grow_with(name: str, precision: str) -> None:
    torch.manual_seed(3)
    make, expected = NETS[name]
    net = make()
    inputs, labels = samples(9, 6, classes=1 if name == "one class" else 3)
    found = AutogradOperator(net, trained(net), inputs, labels, Objective(), precision=precision)
    assert found.growing() == expected


def test_a_layered_net_grows_with_its_last_layer() -> None:
    layers = mlp("relu")
    for operator in (WrittenOperator, choose_operator):
        found = operator(layers, parameters(layers), *samples(9, 6), Objective())
        assert found.growing() == "the weights of the last layer"
    single = (Dense(6, 1, True, "identity"),)
    labels = np.zeros(9, dtype=np.int64)
    alone = WrittenOperator(single, parameters(single), samples(9, 6)[0], labels, Objective())
    assert alone.growing() is None
    bounded = (Dense(6, 4, True, "tanh"),)
    squashed = WrittenOperator(bounded, parameters(bounded), *samples(9, 6), Objective())
    assert squashed.growing() is None


def adam(net: nn.Module, inputs: np.ndarray, labels: np.ndarray, steps: int) -> list[float]:
    """Full-batch Adam in float64; the losses of all steps."""
    net.double()
    x, y = torch.from_numpy(inputs).double(), torch.from_numpy(labels)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


@pytest.mark.parametrize("activation", [nn.GELU, nn.Tanh, nn.ReLU])
def test_a_fit_on_its_way_to_infinity_is_no_saddle(activation: type[nn.Module]) -> None:
    """Its Hessian has negative eigenvalues, and the loss falls along a multiple of its head."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Linear(6, 9), activation(), nn.Linear(9, 8), activation(), nn.Linear(8, 3)
    )
    inputs, labels = samples(20, 6, classes=3)
    losses = adam(net, inputs, labels, 600)
    point = AutogradOperator(net, state(net), inputs, labels, Objective())
    settled = certify_operator(point, plateau=None, seed=0)
    assert settled.lambda_min < -1e-3 * settled.lambda_max
    assert settled.verdict is Verdict.FITTED
    assert "the logits grow with the weights of '4'" in settled.reason
    falling = max(losses[-10:]) / min(losses[-10:]) - 1
    moving = certify_operator(point, plateau=falling, seed=0)
    assert moving.verdict is Verdict.UNCONVERGED
    last = {
        name: value * 1.01 if name.startswith("4.") else value for name, value in state(net).items()
    }
    further = AutogradOperator(net, last, inputs, labels, Objective()).first_order()
    assert further.loss < 0.99 * settled.loss


def test_a_fit_with_bounded_logits_can_be_a_minimum() -> None:
    torch.manual_seed(2)
    net = Cosine().double()
    inputs, labels = samples(5, 6, classes=3)
    x, y = torch.from_numpy(inputs).double(), torch.from_numpy(labels)
    weights = [value for value in net.parameters() if value.requires_grad]
    optimizer = torch.optim.LBFGS(
        weights, max_iter=2000, tolerance_grad=1e-9, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[arg-type]
    found = certify_operator(
        AutogradOperator(net, trained(net), inputs, labels, Objective()),
        plateau=None, seed=0, tolerances=CertificateTolerances(eps=1e-2),
    )  # fmt: skip
    assert found.loss > 1e-3
    assert found.verdict is Verdict.MINIMUM, found.reason
