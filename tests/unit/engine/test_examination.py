"""A net tried before it is trained."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from emc.engine.examination import examine_training
from emc.errors import EmcError


class Changed(nn.Module):
    """A linear model whose logits go through a function of them and the inputs."""

    def __init__(self, change: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.dense, self._change = nn.Linear(6, 3), change

    def forward(self, x: Tensor) -> object:
        return self._change(self.dense(x), x)


@pytest.mark.parametrize("rows", [1, 5])
def test_a_good_net_stays_as_it_was(rows: int) -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.Dropout(), nn.Linear(4, 3))
    before = copy.deepcopy(net.state_dict())
    examine_training(net, torch.randn(rows, 6), classes=3)
    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, _: y.detach(), "Changed gives logits without a gradient: they are detached"),
        (lambda y, _: y * torch.nan, "logits that are not finite before it is trained: nan"),
        (
            lambda y, _: y[0],
            r"Changed: expected logits \[batch, classes\] of shape \(4, 3\), found \(3,\)",
        ),
        (lambda y, x: y + x.mul_(2).sum(), "Changed changes its inputs in place"),
        (lambda y, _: y.numpy(), "Changed fails in training on a batch of 4: Can't call numpy"),
        (
            lambda y, _: y.argmax(1, keepdim=True).expand(4, 3),
            "expected logits of a floating type, found torch.int64",
        ),
    ],
)
def test_what_is_wrong_is_said(change: Callable[[Tensor, Tensor], object], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        examine_training(Changed(change), torch.randn(4, 6), classes=3)


def test_a_sparse_gradient_is_said() -> None:
    net = nn.Sequential(nn.Embedding(8, 2, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    with pytest.raises(EmcError, match=r"gradient of '0\.weight', found torch\.sparse_coo"):
        examine_training(net, torch.randint(0, 8, (4, 6)), classes=3)
