"""Nets composed of pieces that the kernels know and of pieces that only look so."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from tests.unit.nets.own_modules import CLASSES, Make, OfFunction
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations


@dataclass(frozen=True)
class Piece:
    """What makes a layer, the shape that it leaves, and whether kernels know it."""

    make: Make
    shape: tuple[int, ...]
    known: bool = True


def piece(shape: tuple[int, ...], kind: Make | type[nn.Module], *sizes: Any, **given: Any) -> Piece:
    return Piece(lambda: kind(*sizes, **given), shape)


def strange(shape: tuple[int, ...], kind: Any, *sizes: Any, **given: Any) -> Piece:
    return replace(piece(shape, kind, *sizes, **given), known=False)


class Beside(nn.Module):
    """A layer beside its own inputs, joined by a function."""

    def __init__(self, inner: nn.Module, join: Callable[[Tensor, nn.Module], Tensor]) -> None:
        super().__init__()
        self.inner, self.join = inner, join

    def forward(self, x: Tensor) -> Tensor:
        return self.join(x, self.inner)


def in_place(x: Tensor, inner: nn.Module) -> Tensor:
    h: Tensor = inner(x)
    h += x
    return h


def without_gradient(x: Tensor, inner: nn.Module) -> Tensor:
    with torch.no_grad():
        x = 0.5 * x
    return x + inner(x)


JOINS = {
    "sum": lambda x, inner: x + inner(x),
    "weighed": lambda x, inner: 0.7 * x + inner(x) / 3,
    "in place": in_place,
    "joined twice": lambda x, inner: torch.stack((x, inner(x))).sum(0),
    "detached": lambda x, inner: x.detach() + inner(x),
    "data": lambda x, inner: x.data + inner(x),
    "without gradient": without_gradient,
    "difference": lambda x, inner: x - inner(x),
    "product": lambda x, inner: x * inner(x),
    "where": lambda x, inner: torch.where(x > 0, x, inner(x)),
    "clamped": lambda x, inner: x + inner(x).clamp(-50, 50),
    "rounded": lambda x, inner: x + inner(x).bfloat16().float(),
}
KNOWN_JOINS = {"sum", "weighed", "in place"}


class Turned(nn.Module):
    """A linear layer whose weight is given to torch's function turned."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, self.inner.weight.transpose(0, 1), self.inner.bias)


class Attended(nn.Module):
    """Torch's attention over tokens, called in one of several ways."""

    def __init__(self, width: int, call: dict[str, Any], options: dict[str, Any]) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, **options)
        self.call, self.turned = call, not options.get("batch_first", False)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1) if self.turned else x
        attended: Tensor = self.attention(x, x, x, **self.call)[0]
        return attended.transpose(0, 1) if self.turned else attended


def activations(shape: tuple[int, ...]) -> st.SearchStrategy[Piece]:
    known = [nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity]
    return st.sampled_from(
        [
            *(piece(shape, kind) for kind in known),
            piece(shape, nn.ReLU, inplace=True),
            piece(shape, nn.Dropout, 0.0),
            piece(shape, OfFunction, lambda x: 1.5 * torch.sigmoid(x)),
            strange(shape, nn.LeakyReLU, 0.2),
            strange(shape, nn.GELU, approximate="tanh"),
            strange(shape, nn.Softplus, beta=2),
            strange(shape, nn.ELU, 0.5),
            strange(shape, nn.ReLU6),
            strange(shape, OfFunction, lambda x: x * x),
        ]
    )


def batch_norms() -> st.SearchStrategy[dict[str, Any]]:
    """Keys of a batch norm."""
    return st.fixed_dictionaries(
        {
            "eps": st.sampled_from([1e-5, 1e-2]),
            "momentum": st.sampled_from([0.1, 0.5, None]),
            "affine": st.booleans(),
            "track_running_stats": st.booleans(),
        }
    )


@st.composite
def joined(draw: st.DrawFn, shape: tuple[int, ...], inner: Make) -> Piece:
    name = draw(st.sampled_from(sorted(JOINS)))
    return Piece(lambda: Beside(inner(), JOINS[name]), shape, name in KNOWN_JOINS)


@st.composite
def dense(draw: st.DrawFn, shape: tuple[int, ...]) -> Piece:
    """A layer over the last dimension."""
    width, after = shape[-1], draw(st.integers(2, 6))
    same = joined(shape, lambda: nn.Linear(width, width))
    norm = {"eps": draw(st.sampled_from([1e-5, 1e-2]))}
    layers = [
        piece((*shape[:-1], after), nn.Linear, width, after, bias=draw(st.booleans())),
        strange(shape, Turned, width),
        draw(activations(shape)),
        draw(same),
    ]
    if len(shape) == 1:
        layers.append(piece(shape, nn.BatchNorm1d, width, **draw(batch_norms())))
    if width > 1:
        plain = draw(st.booleans())
        layers += [
            piece(shape, nn.LayerNorm, width, elementwise_affine=plain, **norm),
            piece(shape, nn.LayerNorm, width, bias=False, **norm),
            piece(shape, nn.RMSNorm, width, elementwise_affine=plain, **norm),
        ]
    return draw(st.sampled_from(layers))


@st.composite
def over_tokens(draw: st.DrawFn, shape: tuple[int, ...]) -> Piece:
    tokens, width = shape
    heads = draw(st.sampled_from([count for count in (1, 2, 3) if width % count == 0]))
    options = {"num_heads": heads, "bias": draw(st.booleans()), "batch_first": draw(st.booleans())}
    call = {"need_weights": draw(st.booleans())}
    mask = torch.ones(tokens, tokens).triu(1).bool()
    kinds = [
        piece(shape, Attended, width, call, options),
        strange(shape, Attended, width, call, {**options, "add_bias_kv": True, "bias": True}),
        strange(shape, Attended, width, call, {**options, "add_zero_attn": True}),
        strange(shape, Attended, width, {**call, "attn_mask": mask}, options),
        draw(dense(shape)),
        draw(dense(shape)),
        piece(shape, nn.BatchNorm1d, tokens, **draw(batch_norms())),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def over_images(draw: st.DrawFn, shape: tuple[int, ...]) -> Piece:
    channels, height, width = shape
    pooled = (channels, height // 2, width // 2)
    mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    after = channels * draw(st.integers(1, 2))
    conv = {"padding": 1, "padding_mode": mode, "groups": draw(st.sampled_from([1, channels]))}
    plain = draw(st.booleans())
    kinds = [
        piece((after, height, width), nn.Conv2d, channels, after, 3, **conv),
        piece((after, height, width), nn.Conv2d, channels, after, 1, bias=False),
        piece(shape, nn.GroupNorm, 1, channels, eps=1e-3, affine=plain),
        piece(shape, nn.GroupNorm, 1, channels, bias=False),
        piece(shape, nn.RMSNorm, shape),
        piece(shape, nn.LayerNorm, shape, elementwise_affine=plain),
        draw(joined(shape, lambda: nn.Conv2d(channels, channels, 1))),
        draw(activations(shape)),
        strange(shape, nn.ConvTranspose2d, channels, channels, 3, padding=1),
        piece(shape, nn.BatchNorm2d, channels, **draw(batch_norms())),
        strange(shape, nn.InstanceNorm2d, channels),
    ]
    if min(height, width) > 3:
        kinds += [
            piece(pooled, nn.MaxPool2d, 2),
            piece(pooled, nn.AvgPool2d, 3, stride=2, padding=1),
            strange(pooled, nn.MaxPool2d, 2, ceil_mode=True),
            strange(pooled, nn.AvgPool2d, 3, stride=2, padding=1, count_include_pad=False),
            strange(pooled, lambda: nn.Sequential(nn.MaxPool2d(2, return_indices=True), _First())),
        ]
    return draw(st.sampled_from(kinds))


class _First(nn.Module):
    def forward(self, both: tuple[Tensor, Tensor]) -> Tensor:
        return both[0]


class Composed(nn.Module):
    """Layers one after the other; a forward with arguments that nobody gives."""

    def __init__(self, layers: list[nn.Module], factor: float) -> None:
        super().__init__()
        self.layers, self.factor = nn.ModuleList(layers), factor

    def forward(self, x: Tensor, scale: float = 2.0, *, shift: Tensor | None = None) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.factor * scale * x if shift is None else shift

    def train(self, mode: bool = True) -> "Composed":
        """As torch's, and it says so."""
        super().train(mode)
        return self


def _frozen(net: Composed) -> None:
    next(net.parameters()).requires_grad_(False)


CHANGES: dict[str, Callable[[Composed], object]] = {
    "hook": lambda net: net.layers[-1].register_forward_hook(lambda *a: 0.5 * a[-1]),
    "pre hook": lambda net: net.register_forward_pre_hook(lambda _, given: (2 * given[0],)),
    "gradient hook": lambda net: next(net.parameters()).register_hook(lambda g: 0.1 * g),
    "weight norm": lambda net: parametrizations.weight_norm(net.layers[-1]),
    "frozen": _frozen,
    "mask": lambda net: net.register_buffer("mask", torch.ones(3)),
    "repeated": lambda net: net.layers.append(nn.Sequential(*[nn.Linear(CLASSES, CLASSES)] * 2)),
}
"""What is done to a whole net, after which kernels do not know it."""


@st.composite
def compositions(draw: st.DrawFn) -> tuple[Make, bool]:
    """A net of one to five pieces, and whether kernels know all that it is made of."""
    shape: tuple[int, ...] = (4, 8, 8)
    pieces = [piece(shape, nn.Conv2d, 2, 4, 3, padding=1)]
    for _ in range(draw(st.integers(0, 2))):
        pieces.append(draw(over_images(shape)))
        shape = pieces[-1].shape
    if draw(st.booleans()):
        shape = (shape[1] * shape[2], shape[0])
        pieces.append(piece(shape, OfFunction, lambda x: x.flatten(2).transpose(1, 2)))
        for _ in range(draw(st.integers(1, 2))):
            pieces.append(draw(over_tokens(shape)))
            shape = pieces[-1].shape
        pieces.append(piece(shape[1:], OfFunction, lambda x: x.mean(dim=1)))
    else:
        shape = (shape[0] * shape[1] * shape[2],)
        pieces.append(piece(shape, nn.Flatten))
    if draw(st.booleans()):
        pieces.append(draw(dense(pieces[-1].shape)))
    pieces.append(piece((CLASSES,), nn.Linear, pieces[-1].shape[-1], CLASSES))
    change = draw(st.one_of(st.none(), st.none(), st.sampled_from(sorted(CHANGES))))

    def make() -> nn.Module:
        net = Composed([each.make() for each in pieces], 0.5)
        if change is not None:
            CHANGES[change](net)
        return net

    return make, change is None and all(each.known for each in pieces)
