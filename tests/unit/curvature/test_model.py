"""`certify` on anyone's net."""

from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import Attention, samples, state
from torch import nn

from emc.curvature import Settings
from emc.curvature.model import Certified, certify
from emc.errors import EmcError
from emc.records import Verdict

LENIENT = Settings(gradient=10.0, exact_up_to=0, eps=0.05)


def trained(weight_decay: float) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    """A small net brought to a minimum by L-BFGS in float64, and its data."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs, labels = samples(40, 3, classes=2)
    data = (torch.from_numpy(inputs), torch.from_numpy(labels))
    optimizer = torch.optim.LBFGS(
        net.parameters(), max_iter=2000, tolerance_grad=1e-9, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> float:
        optimizer.zero_grad()
        decay = sum(value.square().sum() for value in net.parameters())
        loss = nn.functional.cross_entropy(net(data[0].double()), data[1])
        loss = loss + weight_decay / 2 * decay
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[arg-type]
    return net, data


def test_a_trained_net_is_at_a_minimum() -> None:
    net, data = trained(weight_decay=0.02)
    found = certify(net, None, data, losses=[0.5] * 10, weight_decay=0.02)
    assert found.verdict is Verdict.MINIMUM
    assert str(found) == f"minimum: {found.reason}"
    assert found.plateau == 0
    assert found.exact
    assert found.spectrum().values[0] == pytest.approx(found.lambda_min)
    assert certify(net, None, data, weight_decay=0.0).verdict is Verdict.UNCONVERGED


def test_a_polish_tells_an_unfinished_net_from_one_at_a_minimum() -> None:
    net, data = trained(weight_decay=0.02)
    stuck = certify(net, None, data, weight_decay=0.02).polish()
    assert (stuck.fits, stuck.iterations) == (False, 0)
    assert stuck.judgement is not None
    assert stuck.judgement.verdict is Verdict.MINIMUM
    few = (data[0][:5], data[1][:5])
    unfinished = certify(net, None, few).polish()
    assert (unfinished.fits, unfinished.accuracy) == (True, 1.0)


def test_parameters_may_be_given_as_tensors_or_arrays() -> None:
    net, data = trained(weight_decay=0.02)
    fresh = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    expected = certify(net, None, data, weight_decay=0.02)
    for given in (dict(net.named_parameters()), state(net), net.state_dict()):
        found = certify(fresh, given, data, weight_decay=0.02)
        assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    arrays = tuple(part.numpy() for part in data)
    assert certify(net, None, arrays, weight_decay=0.02).loss == expected.loss  # type: ignore[arg-type]


def test_lanczos_spectrum_of_an_attention_net() -> None:
    torch.manual_seed(0)
    net = Attention()
    found: Certified = certify(net, None, samples(20, 4, 6, classes=3), settings=LENIENT)
    assert not found.exact
    spectrum = found.spectrum(probes=20, steps=30)
    exact = certify(net, None, samples(20, 4, 6, classes=3), settings=Settings(gradient=10.0))
    assert spectrum.mean * 147 == pytest.approx(exact.trace, rel=0.2)
    assert spectrum.values[-1] == pytest.approx(found.lambda_max, rel=1e-3)


def test_too_few_losses_and_a_falling_loss() -> None:
    net, data = trained(weight_decay=0.02)
    few = certify(net, None, data, losses=[0.5] * 9, weight_decay=0.02)
    assert "Too few epochs" in few.reason
    falling = certify(net, None, data, losses=np.linspace(2, 1, 30), weight_decay=0.02)
    assert falling.verdict is Verdict.UNCONVERGED


@pytest.mark.parametrize(
    "labels", [torch.zeros(20, 3), torch.zeros(20), torch.zeros(19, dtype=torch.long)]
)
def test_labels_are_integers_one_a_sample(labels: torch.Tensor) -> None:
    inputs, _ = samples(20, 4, 6)
    with pytest.raises(EmcError, match=r"wanted are inputs \[n, ...\] and integer labels \[n\]"):
        certify(Attention(), None, (inputs, labels))


def test_a_net_that_draws_random_numbers_is_refused() -> None:
    class Noisy(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x * torch.rand(3))

    torch.manual_seed(0)
    data = samples(20, 3, classes=9)
    for settings in (LENIENT, Settings()):
        with pytest.raises(EmcError, match="not symmetric: the net draws random numbers"):
            certify(Noisy(3, 9), None, data, settings=settings)


class Rooted(nn.Linear):
    """Has a gradient everywhere, and no second derivative where a weight is zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ (self.weight.abs() ** 1.5).T


def test_a_net_whose_curvature_is_not_a_number_is_refused_as_such() -> None:
    data = samples(20, 3, classes=9)
    net = Rooted(3, 9, bias=False)
    nn.init.zeros_(net.weight)
    for settings in (LENIENT, Settings()):
        with pytest.raises(EmcError, match=r"Hessian of the net is not finite \(NaN or inf"):
            certify(net, None, data, settings=settings)


def test_what_is_no_net_no_parameters_and_no_data() -> None:
    net, data = nn.Linear(3, 2), samples(20, 3, classes=2)
    wrong: list[tuple[Any, Any, Any, str]] = [
        (net, net.parameters(), data, r"parameters: wanted are values by name, .*found generator"),
        (net, list(net.parameters()), data, r"parameters: .*found list of 2$"),
        (net, net, data, r"parameters: .*found Linear$"),
        (lambda x: x, None, data, r"model: a torch.nn.Module is wanted, found function"),
        (net, None, data[0], r"data: a pair \(inputs, labels\) is wanted, found ndarray of 20"),
        (net, None, (*data, data), r"data: a pair .*found tuple of 3"),
        (net, None, (3, data[1]), r"data: wanted are inputs \[n, ...\] and integer labels \[n\]"),
    ]
    for model, parameters, given, message in wrong:
        with pytest.raises(EmcError, match=message):
            certify(model, parameters, given)


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.again.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.again(self.first(x).tanh()).tanh())
        return logits


def test_a_state_dict_names_tied_weights_twice() -> None:
    torch.manual_seed(0)
    net, data = Tied(), (torch.randn(12, 5), torch.arange(12) % 3)
    assert "again.weight" in net.state_dict()
    found = certify(net, net.state_dict(), data)
    assert found.lambda_min == certify(net, None, data).lambda_min
    other = {**net.state_dict(), "again.weight": torch.zeros(5, 5)}
    with pytest.raises(EmcError, match=r"'first.weight' and 'again.weight' are one weight"):
        certify(net, other, data)
