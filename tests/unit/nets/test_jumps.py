"""Nets whose loss has no gradient in some parameter, told from those where it vanishes."""

import itertools
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from emc.nets.jumps import jumping

X = torch.randn(40, 4, generator=torch.Generator().manual_seed(1))


class Stepped(nn.Module):
    """Signs between two layers, which let no gradient through to the first."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner, self.outer, self.step = nn.Linear(4, 3), nn.Linear(3, 2), step

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.step(self.inner(x)))


class Gated(nn.Module):
    """A residual branch behind a gate that starts closed, and a parameter that nothing uses."""

    def __init__(self) -> None:
        super().__init__()
        self.branch, self.outer = nn.Linear(4, 4), nn.Linear(4, 2)
        self.gate, self.spare = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(x + self.gate * torch.tanh(self.branch(x)))


def narrow() -> nn.Module:
    """Three layers of one unit: in most fresh nets some unit is dead for all inputs."""
    return nn.Sequential(*(nn.Linear(4, 1), nn.ReLU(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 2)))


def straight_through(z: Tensor) -> Tensor:
    return z + (z.round() - z).detach()


def made(make: Callable[[], nn.Module]) -> Iterator[nn.Module]:
    torch.manual_seed(0)
    return (make() for _ in range(20))


@pytest.mark.parametrize("step", [torch.sign, torch.round, torch.floor])
def test_a_step_leaves_the_weights_before_it_without_gradient(
    step: Callable[[Tensor], Tensor],
) -> None:
    assert jumping(made(lambda: Stepped(step)), X) == "inner.weight"


@pytest.mark.parametrize(
    "make", [narrow, Gated, lambda: Stepped(torch.relu), lambda: Stepped(straight_through)]
)
def test_gradients_that_vanish_at_the_start_or_in_some_nets_are_none(
    make: Callable[[], nn.Module],
) -> None:
    assert jumping(made(make), X) is None


def test_the_first_net_with_all_gradients_ends_it() -> None:
    nets = made(lambda: Stepped(torch.tanh))
    assert jumping(nets, X) is None
    assert len(list(itertools.islice(nets, 20))) == 19
