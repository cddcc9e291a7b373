"""Nets of known layers that do something else beside, in ways that a trace could miss."""

import itertools
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from tests.unit.nets.own_modules import CLASSES, Make, OfFunction, plain
from torch import Tensor, nn


class Rarely(nn.Module):
    """Doubles its logits where a function of the net says so, which is seldom."""

    seldom: Any

    def __init__(self) -> None:
        super().__init__()
        self.body = plain()
        self.count, self._counts, self.held = 0, [0], SimpleNamespace(calls=0)
        self.numbers: Any = np.zeros(1)

    def forward(self, x: Tensor) -> Any:
        return self.body(x) * (2.0 if self.seldom() else 1.0)


def rarely(seldom: Callable[[Any], bool], **attributes: Callable[[], Any]) -> Make:
    """A net with attributes of its own; a net of another class each time."""
    kind = type("Rare", (Rarely,), {"__module__": __name__, "seldom": seldom, "calls": 0})

    def make() -> nn.Module:
        net: nn.Module = kind()
        for name, value in attributes.items():
            setattr(net, name, value())
        return net

    return make


def _private(net: Any) -> bool:
    net._counts[0] += 1
    return bool(net._counts[0] > 1000)


def _of_class(net: Any) -> bool:
    type(net).calls = getattr(type(net), "calls", 0) + 1
    return bool(type(net).calls > 1000)


def _in_object(net: Any) -> bool:
    net.held.calls += 1
    return bool(net.held.calls > 1000)


def _in_array(net: Any) -> bool:
    net.numbers += 1
    return bool(net.numbers[0] > 1000)


_CALLS = 0


def _in_file(_: Any) -> bool:
    global _CALLS  # noqa: PLW0603  # what it is about
    _CALLS += 1
    return _CALLS > 100_000


def _in_default(_: Any, calls: list[int] = [0]) -> bool:  # noqa: B006  # what it is about
    calls[0] += 1
    return calls[0] > 100_000


def _in_closure() -> Callable[[Any], bool]:
    calls = 0

    def seldom(_: Any) -> bool:
        nonlocal calls
        calls += 1
        return calls > 1000

    return seldom


def _hidden_layer(net: Any) -> bool:
    net.held[0](torch.zeros(1))
    return False


def _between(function: Callable[..., Any]) -> Make:
    return lambda: nn.Sequential(OfFunction(function), *plain())


def _of_type(x: Any) -> Any:
    return 2.0 * x if isinstance(x, Tensor) and x.max() > 1000 else x


def _of_exact_type(x: Any) -> Any:
    return 2.0 * x if type(x) is Tensor and x.max() > 50 else x


Numbers = Tensor


def _of_renamed_type(x: Any) -> Any:
    return 2.0 * x if isinstance(x, Numbers) and x.max() > 1000 else x


def _of_matched_type(x: Any) -> Any:
    match x:
        case torch.Tensor():
            return x * (2.0 if x.max() > 1000 else 1.0)
        case _:
            return x


def _caught(x: Any) -> Any:
    try:
        return x.clamp(-1000, 1000)
    except Exception:
        return x


def _caught_operator(x: Any) -> Any:
    try:
        return x - 0 * (x - 1000)
    except TypeError:
        return x


class Clipped(torch.autograd.Function):
    """The numbers as they are; large gradients are cut off."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:  # type: ignore[override]
        return gradient.clamp(-100, 100)


class Reshaped(Clipped):
    """The same, in a way that a trace can follow."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.reshape(x.shape)


class HeadOnly(nn.Sequential):
    """Its optimizer is given the head alone."""

    def parameters(self, recurse: bool = True) -> Any:
        return self[-1].parameters(recurse)


class Evaluated(Rarely):
    """Its evaluation mode is another."""

    def seldom(self) -> bool:
        return self.count > 0

    def eval(self) -> "Evaluated":
        super().eval()
        self.count = 1
        return self


class Freezing(Rarely):
    """Its first layer is frozen as it begins to train."""

    def seldom(self) -> bool:
        return False

    def train(self, mode: bool = True) -> "Freezing":
        self.body[1].weight.requires_grad_(False)
        return super().train(mode)


class Clipping(Rarely):
    """Its weights stay small: large ones are cut off before each epoch."""

    def seldom(self) -> bool:
        return False

    def train(self, mode: bool = True) -> "Clipping":
        self.body[1].weight.data.clamp_(-0.05 if mode else -1, 0.05 if mode else 1)
        return super().train(mode)


class ClippingLate(Rarely):
    """The same after each epoch, at a size that no fresh weight has."""

    def seldom(self) -> bool:
        return False

    def eval(self) -> "ClippingLate":
        super().eval()
        self.body[1].weight.data.clamp_(-0.1, 0.1)
        return self


class GradientlessView(nn.Module):
    """A view that is taken without a gradient has none."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(128, 6), nn.Linear(6, CLASSES)

    def forward(self, x: Tensor) -> Any:
        h = self.first(x.flatten(1))
        with torch.no_grad():
            h = h.view(h.shape)
        return self.head(h)


TRAPS: dict[str, Make] = {
    "a private count": rarely(_private),
    "a count of the class": rarely(_of_class),
    "a count in an object": rarely(_in_object),
    "a count in an array": rarely(_in_array),
    "a count in the file": rarely(_in_file),
    "a count in a default": rarely(_in_default),
    "a count in a closure": rarely(_in_closure()),
    "a count in a tensor": rarely(
        lambda net: bool(net.held.add_(1) > 1000), held=lambda: torch.zeros(())
    ),
    "an iterator": rarely(lambda net: next(net.held) > 1000, held=itertools.count),
    "a draw of torch's": rarely(lambda _: torch.rand(()).item() < 1e-3),
    "a draw of numpy's": rarely(lambda _: bool(np.random.rand() < 1e-3)),
    "a draw of Python's": rarely(lambda _: random.random() < 1e-3),
    "a generator of its own": rarely(
        lambda net: net.held.random() < 1e-3, held=lambda: random.Random(0)
    ),
    "torch's generator": rarely(
        lambda net: torch.rand((), generator=net.held).item() < 1e-3, held=torch.Generator
    ),
    "a layer in a list": rarely(_hidden_layer, held=lambda: [nn.Linear(1, 1)]),
    "asks for a type": _between(_of_type),
    "asks for the very type": _between(_of_exact_type),
    "asks for a renamed type": _between(_of_renamed_type),
    "asks for a type by its case": _between(_of_matched_type),
    "catches errors": _between(_caught),
    "catches errors of operators": _between(_caught_operator),
    "a derivative of its own": lambda: nn.Sequential(*plain(), OfFunction(Clipped.apply)),
    "one that can be traced": lambda: nn.Sequential(*plain(), OfFunction(Reshaped.apply)),
    "parameters of its own": lambda: HeadOnly(*plain()),
    "evaluation of its own": Evaluated,
    "freezing": Freezing,
    "clipping": Clipping,
    "clipping late": ClippingLate,
    "view without gradient": GradientlessView,
}
"""Not to be taken for what they look like; torch trains them."""
