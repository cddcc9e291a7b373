"""Modules that are not what they look like."""

from collections.abc import Callable
from typing import Any

import torch
from tests.unit.nets.batch_norms import NORMS_THAT_ONLY_LOOK_KNOWN
from tests.unit.nets.own_modules import CLASSES, SHAPE, Make, OfFunction, Tokens, plain
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations, prune


class Doubled(nn.Linear):
    """A linear layer with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Quiet(nn.Linear):
    """A linear layer with a name of its own."""


class Counting(nn.Module):
    """It does something else from its third call on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.body = 0, plain()

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        return self.body(x) * (1 if self.calls < 100 else 2)


class ByMode(nn.Module):
    """It computes differently in evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()

    def forward(self, x: Tensor) -> Any:
        return self.body(x) if self.training else 2.0 * self.body(x)


class Twice(nn.Module):
    """It calls a layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.body = nn.Linear(128, 128), plain()

    def forward(self, x: Tensor) -> Any:
        return self.body(self.inner(self.inner(x.flatten(1)).tanh()))


class Tied(nn.Module):
    """Two layers share a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(128, 128), nn.Linear(128, 128)
        self.other.weight = self.one.weight
        self.head = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.one(x.flatten(1)).relu()))


class SharedMemory(nn.Module):
    """Two parameters lie in one memory."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(128, 128), nn.Linear(128, 128)
        self.other.weight = nn.Parameter(self.one.weight.detach())
        self.head = nn.Linear(128, CLASSES)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.other(self.one(x.flatten(1)).relu()))


class Buffered(nn.Module):
    """It adds a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()
        self.register_buffer("shift", torch.ones(CLASSES))

    def forward(self, x: Tensor) -> Any:
        return self.body(x) + self.shift


class Unused(nn.Module):
    """A layer that it never calls."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.spare = plain(), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Any:
        return self.body(x)


class Gradientless(nn.Module):
    """Its first layer gets no gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.body = nn.Linear(128, 128), plain()

    def forward(self, x: Tensor) -> Any:
        with torch.no_grad():
            x = self.first(x.flatten(1))
        return self.body(x)


class SumInPlace(nn.Module):
    """Its sum is seen by the name that it had before."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.inner = nn.Linear(128, 6), nn.Linear(6, 6)
        self.head = nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x.flatten(1))
        y = self.inner(x)
        z = y
        z += x
        return self.head(y)


class InPlace(nn.Module):
    """Its sum takes the inner activation for its inputs: that is done in place."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.act = nn.Linear(128, 6), nn.ReLU(inplace=True)
        self.inner, self.head = nn.Linear(6, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        x = self.embed(x.flatten(1))
        return self.head(x + self.inner(self.act(x)))


def _changed(change: Callable[[nn.Sequential], object]) -> Make:
    def make() -> nn.Module:
        net = plain()
        change(net)
        return net

    return make


def _between(function: Callable[..., Any]) -> Make:
    return lambda: nn.Sequential(OfFunction(function), *plain())


def _instead(number: int, layer: Callable[[], nn.Module]) -> Make:
    return _changed(lambda net: net.__setitem__(number, layer()))


def _images(*layers: Callable[[], nn.Module]) -> Make:
    """Layers over images before a head over what they leave."""

    def make() -> nn.Module:
        body = nn.Sequential(*(layer() for layer in layers), nn.Flatten())
        width = body.eval()(torch.zeros(2, *SHAPE)).shape[1]
        return nn.Sequential(body.train(), nn.Linear(width, CLASSES))

    return make


def _normed_by(kind: type[nn.Module], epsilon: float) -> Make:
    return _instead(2, lambda: kind(6, eps=epsilon))


def _no_step(parameter: Tensor) -> None:
    assert parameter.grad is not None
    parameter.grad.zero_()


def _forward_set(net: nn.Sequential) -> None:
    net[2].forward = lambda x: 0.5 * x


ONLY_LOOK_KNOWN: dict[str, Make] = {
    "subclass with a forward": _instead(1, lambda: Doubled(128, 6)),
    "subclass with a name": _instead(1, lambda: Quiet(128, 6)),
    "forward hook": _changed(lambda net: net[1].register_forward_hook(lambda *a: 2 * a[-1])),
    "pre hook": _changed(lambda net: net[1].register_forward_pre_hook(lambda _, x: (2 * x[0],))),
    "backward hook": _changed(
        lambda net: net[1].register_full_backward_hook(lambda _, given, __: (None,))
    ),
    "tensor hook": _changed(lambda net: net[1].weight.register_hook(lambda g: 0 * g)),
    "step hook": _changed(lambda net: net[1].weight.register_post_accumulate_grad_hook(_no_step)),
    "forward of an instance": _changed(_forward_set),
    "parametrization": _changed(lambda net: parametrizations.orthogonal(net[3])),
    "weight norm": _changed(lambda net: parametrizations.weight_norm(net[1])),
    "pruned": _changed(lambda net: prune.l1_unstructured(net[1], "weight", 0.5)),
    "frozen": _changed(lambda net: net[1].weight.requires_grad_(False)),
    "dropout": _instead(2, lambda: nn.Dropout(0.5)),
    "instance norm": _images(lambda: nn.InstanceNorm2d(2)),
    **{f"batch norm, {name}": make for name, make in NORMS_THAT_ONLY_LOOK_KNOWN.items()},
    "slope": _instead(2, lambda: nn.LeakyReLU(0.2)),
    "approximate gelu": _instead(2, lambda: nn.GELU(approximate="tanh")),
    "an activation that kernels lack": _instead(2, nn.Softplus),
    "lambda": _between(lambda x: x.sign() * x),
    "squared": _between(lambda x: x * x),
    "branch on data": _between(lambda x: x if x.sum() > 0 else 2.0 * x),
    "branch on the batch": _between(lambda x: x if len(x) > 2 else 2.0 * x),
    "branch on the batch's shape": _between(lambda x: x if x.shape[0] > 2 else 2.0 * x),
    "across the batch": _between(lambda x: x + x.mean(0)),
    "detached": lambda: nn.Sequential(
        *plain()[:3], OfFunction(torch.detach), nn.Linear(6, CLASSES)
    ),
    "epsilon below zero": _normed_by(nn.LayerNorm, -1e-3),
    "epsilon of zero": _normed_by(nn.RMSNorm, 0.0),
    "endless": _between(lambda x: x * float("inf")),
    "a constant": _between(lambda x: x + torch.ones(8)),
    "bfloat16": _between(lambda x: x.bfloat16().float()),
    "counting": Counting,
    "by mode": ByMode,
    "layer called twice": Twice,
    "tied": Tied,
    "shared memory": SharedMemory,
    "buffer": Buffered,
    "unused": Unused,
    "no gradient": Gradientless,
    "in place": InPlace,
    "sum in place": SumInPlace,
    "ceil mode": _images(lambda: nn.MaxPool2d(3, ceil_mode=True)),
    "dilated pooling": _images(lambda: nn.MaxPool2d(3, dilation=2)),
    "uneven adaptive pooling": _images(lambda: nn.AdaptiveAvgPool2d(3)),
    "without padding counted": _images(lambda: nn.AvgPool2d(3, padding=1, count_include_pad=False)),
    "transposed": _images(lambda: nn.ConvTranspose2d(2, 3, 3)),
    "causal": lambda: Tokens(
        OfFunction(lambda x: functional.scaled_dot_product_attention(x, x, x, is_causal=True))
    ),
    "without gradients": _between(lambda x: x if torch.is_grad_enabled() else 2.0 * x),
    "samples second": lambda: Tokens(nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0)),
    "attention dropout": lambda: Tokens(nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)),
}
"""Not to be taken for what they look like; torch trains them."""
