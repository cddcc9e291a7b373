"""Chains of known layers, drawn by chance."""

from typing import Any

from hypothesis import strategies as st
from tests.unit.nets.own_modules import CLASSES, SHAPE, Make
from torch import nn

ACTIVATIONS = st.sampled_from(
    [nn.ReLU, nn.LeakyReLU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity]
)


@st.composite
def chains(draw: st.DrawFn) -> Make:
    """A Sequential of known layers, as deep and nested as chance has it."""
    layers, shape = [], SHAPE
    for _ in range(draw(st.integers(0, 3))):
        made, shape = draw(_convolutional(shape))
        layers += made
    layers.append(nn.Flatten)
    width = shape[0] * shape[1] * shape[2]
    for _ in range(draw(st.integers(0, 2))):
        after = draw(st.integers(2, 7))
        layers += [_of(nn.Linear, width, after, bias=draw(st.booleans())), draw(ACTIVATIONS)]
        layers += draw(norms(after))
        width = after
    layers.append(_of(nn.Linear, width, CLASSES))
    cut = draw(st.integers(0, len(layers) - 1))

    def make() -> nn.Module:
        inner = nn.Sequential(*(layer() for layer in layers[:cut]))
        return nn.Sequential(inner, *(layer() for layer in layers[cut:]))

    return make


def norms(width: int) -> st.SearchStrategy[list[Make]]:
    """No norm over a dense layer's numbers, or one of any kind."""
    layers: list[list[Make]] = [
        [],
        [],
        [],
        [_of(nn.LayerNorm, width)],
        [_of(nn.LayerNorm, width, bias=False)],
        [_of(nn.LayerNorm, width, elementwise_affine=False)],
        [_of(nn.RMSNorm, width)],
        [_of(nn.RMSNorm, width, eps=1e-3, elementwise_affine=False)],
    ]
    return st.sampled_from(layers)


def _of(kind: type[nn.Module], *sizes: int, **options: Any) -> Make:
    return lambda: kind(*sizes, **options)


@st.composite
def _convolutional(
    draw: st.DrawFn, shape: tuple[int, int, int]
) -> tuple[list[Make], tuple[int, int, int]]:
    """A convolution and what follows it, with the shape that it leaves."""
    channels, height, width = shape
    kernel = draw(st.integers(1, min(3, height, width)))
    stride, padding = draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2))
    groups = draw(st.sampled_from([g for g in (1, 2, 3, 4) if channels % g == 0]))
    after = groups * draw(st.integers(1, -(-4 // groups)))
    dilation = 2 if 2 * (kernel - 1) + 1 <= min(height, width) and draw(st.booleans()) else 1
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    if padding < min(height, width):
        modes = ["zeros", "reflect", "replicate", "circular"]
        options["padding_mode"] = draw(st.sampled_from(modes))
    layers = [_of(nn.Conv2d, channels, after, kernel, **options)]
    span = dilation * (kernel - 1) + 1
    height, width = ((side + 2 * padding - span) // stride + 1 for side in (height, width))
    if draw(st.booleans()) and after * height * width > 1:
        layers.append(_of(nn.GroupNorm, 1, after, bias=draw(st.booleans())))
    layers.append(draw(ACTIVATIONS))
    if min(height, width) >= 2 and draw(st.booleans()):
        pad = draw(st.integers(0, 1))
        layers.append(_of(draw(st.sampled_from([nn.MaxPool2d, nn.AvgPool2d])), 2, padding=pad))
        height, width = ((side + 2 * pad) // 2 for side in (height, width))
    return layers, (after, height, width)
