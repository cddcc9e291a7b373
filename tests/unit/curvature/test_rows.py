"""Nets whose rows depend on each other in evaluation mode: never summed up chunk by chunk."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import reference_hessian, samples, state
from torch import Tensor, nn

from emc.curvature import CertificateTolerances, EndPoint, Objective, certify_end_points, chunks
from emc.curvature.autograd import AutogradOperator
from emc.errors import EmcError

DECAYED = Objective(weight_decay=0.05)


class Centred(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        logits: Tensor = self.last(torch.tanh(h - h.mean(0)))
        return logits


def flat() -> nn.Module:
    norm = nn.BatchNorm1d(4, track_running_stats=False)
    return nn.Sequential(nn.Linear(6, 4), norm, nn.Tanh(), nn.Linear(4, 3))


def images() -> nn.Module:
    norm = nn.BatchNorm2d(2, track_running_stats=False)
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), nn.Conv2d(1, 2, 2), norm, nn.Tanh(),
                         nn.Flatten(), nn.Linear(4, 3))  # fmt: skip


def zero_head() -> nn.Module:
    """All logits are equal until it is trained."""
    net = Centred()
    nn.init.zeros_(net.last.weight)
    return net


NETS = {"centred": Centred, "flat": flat, "images": images}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("chunk", [1, 8, 512])
def test_derivatives_are_those_of_all_rows_together(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    torch.manual_seed(0)
    net: nn.Module = NETS[name]()
    data = samples(30, 6, classes=3)
    found = AutogradOperator(net, state(net), *data, DECAYED)
    assert found.whole
    expected = reference_hessian(net, *data, DECAYED)
    np.testing.assert_allclose(found.dense(), expected, atol=1e-13)
    vectors = np.random.default_rng(3).normal(size=(5, len(expected)))
    np.testing.assert_allclose(found.products(vectors), vectors @ expected, atol=1e-12)
    x, y = torch.from_numpy(data[0]).double(), torch.from_numpy(data[1])
    torch.autograd.backward(nn.functional.cross_entropy(net(x), y))
    slopes = [(p.grad + 0.05 * p).numpy(force=True).ravel() for p in net.parameters()]  # type: ignore[operator]
    np.testing.assert_allclose(found.first_order().gradient, np.concatenate(slopes), atol=1e-14)


@pytest.mark.parametrize("exact_up_to", [2000, 0])
def test_end_points_of_several_sizes_are_certified_as_each_alone(exact_up_to: int) -> None:
    torch.manual_seed(0)
    settings = CertificateTolerances(gradient=10.0, exact_up_to=exact_up_to, eps=0.2)
    net = Centred()
    ends = [
        EndPoint(state(net), *samples(n, 6, classes=3, seed=n), plateau=0.0, seed=n)
        for n in (7, 30, 12)
    ]
    together = certify_end_points(lambda: net, ends, DECAYED, tolerances=settings)
    for end, found in zip(ends, together, strict=True):
        alone = certify_end_points(lambda: net, [end], DECAYED, tolerances=settings)[0]
        hessian = reference_hessian(net, end.inputs, end.labels, DECAYED)
        assert found.lambda_max == pytest.approx(np.linalg.eigvalsh(hessian)[-1], rel=1e-3)
        assert found.reason == alone.reason


def test_the_point_decides_whether_rows_are_seen_to_mix() -> None:
    """At the module's own weights, a head of zeros, all rows have the same logits."""
    torch.manual_seed(0)
    trained, fresh = Centred(), zero_head()
    found = AutogradOperator(fresh, state(trained), *samples(30, 6, classes=3), DECAYED)
    assert found.whole


@pytest.mark.parametrize("make", [
    lambda: nn.Linear(6, 3),
    lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
    lambda: nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.Linear(4, 3)),
])  # fmt: skip
def test_rows_that_stand_alone_are_summed_up(make: Callable[[], nn.Module]) -> None:
    net = make()
    assert not AutogradOperator(net, state(net), *samples(30, 6, classes=3), DECAYED).whole


def test_equal_rows_first_do_not_hide_that_rows_mix() -> None:
    inputs, labels = samples(30, 6, classes=3)
    inputs[:20] = inputs[0]
    assert AutogradOperator(Centred(), state(Centred()), inputs, labels, DECAYED).whole


def test_one_row_that_a_net_cannot_normalise_is_told() -> None:
    net = flat()
    with pytest.raises(EmcError, match=r"fails in evaluation mode .* ValueError: Expected more"):
        AutogradOperator(net, state(net), *samples(1, 6, classes=3), DECAYED)
