"""Which weights make the logits, on nets whose head is known by construction."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from emc.errors import EmcError
from emc.nets.build import Factory, Reparameterisation
from emc.nets.head import head
from emc.nets.layers import Conv, Dense
from emc.nets.module import module
from emc.study.architectures import EfficientNet, MlpMixer, ResNet, Vit
from emc.study.parameterisation import LowRank, Quantised

X = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
IMAGES = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Net(nn.Module):
    """Layers by name, the head registered first, and any forward pass."""

    def __init__(self, forward: Callable[[Any, Tensor], Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.head, self.a, self.b = nn.Linear(5, 3), nn.Linear(4, 5), nn.Linear(5, 5)
        for name, layer in layers.items():
            setattr(self, name, layer)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def hidden(net: Any, x: Tensor) -> Tensor:
    return torch.tanh(net.b(torch.tanh(net.a(x))))


def test_the_order_of_registration_does_not_matter() -> None:
    assert head(Net(lambda net, x: net.head(hidden(net, x))), X) == {"head.weight"}


def test_a_skip_connection_has_a_head_of_its_own() -> None:
    net = Net(lambda net, x: net.head(hidden(net, x)) + net.skip(x), skip=nn.Linear(4, 3))
    assert head(net, X) == {"head.weight", "skip.weight"}


def test_scales_and_norms_behind_the_head_do_not_count() -> None:
    net = Net(
        lambda net, x: net.norm(net.head(hidden(net, x))) * net.scale.weight + net.scale.weight,
        norm=nn.LayerNorm(3),
        scale=nn.Linear(3, 2),
    )
    assert head(net, X) == {"head.weight"}


def test_a_head_of_one_column_counts() -> None:
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1), nn.Linear(1, 3))
    assert head(net, X) == {"2.weight"}


def test_logits_that_are_reshaped_sliced_and_joined() -> None:
    net = Net(lambda net, x: torch.cat([net.head(hidden(net, x)), net.head(net.a(x))], 1)[:, :4])
    assert head(net, X) == {"head.weight"}


def test_the_factors_of_a_head_that_is_made_of_others() -> None:
    net = Net(lambda net, x: net.head(hidden(net, x)))
    parametrizations.weight_norm(net.head)
    weights = {f"head.parametrizations.weight.original{part}" for part in (0, 1)}
    assert head(net, X) == weights


def test_tied_weights_are_named_once() -> None:
    net = Net(lambda net, x: net.head(net.c(x)), head=nn.Linear(4, 4), c=nn.Linear(4, 4))
    net.c.weight = net.head.weight
    assert head(net, X) == {"head.weight"}


def test_layered_nets() -> None:
    layers = (Conv(1, 3, 8, 8, "relu"), Dense(48, 5, True, "tanh"), Dense(5, 3, True, "identity"))
    assert head(module(layers), IMAGES) == {"2.weight"}


@pytest.mark.parametrize(
    ("architecture", "name"),
    [
        (Vit(name="vit", patch=4, depth=1, width=6, heads=2), "heads.head.weight"),
        (ResNet(name="resnet", depth=18, width=2), "fc.weight"),
        (EfficientNet(name="efficientnet", width=8), "classifier.1.weight"),
        (MlpMixer(name="mlp-mixer", patch=4, depth=1, width=6), "6.weight"),
    ],
)
def test_families(architecture: Any, name: str) -> None:
    net = Factory(architecture, "relu", "torch", (1, 8, 8), 3)()
    assert head(net, IMAGES) == {name}


def test_other_forms_of_a_net() -> None:
    layers = (Dense(4, 6, True, "relu"), Dense(6, 5, True, "identity"))
    quantised = Reparameterisation(layers, Quantised(name="quantised", bits=4), "torch")()
    assert head(quantised, X) == {"net.1.weight"}
    factored = Reparameterisation(layers, LowRank(name="low-rank", rank=2), "torch")()
    assert head(factored, X) == {"rows.1", "columns.1"}


def test_nets_whose_inputs_are_whole_numbers_are_refused() -> None:
    net = Net(lambda net, x: net.head(net.words(x.long().abs()).mean(1)), words=nn.Embedding(9, 5))
    with pytest.raises(EmcError, match="Net: which weights make the logits cannot be told"):
        head(net, X)


def test_modes_are_given_back() -> None:
    net = Net(lambda net, x: net.head(hidden(net, x))).train()
    net.a.eval()
    head(net, X)
    assert net.training
    assert not net.a.training
