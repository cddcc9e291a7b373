"""Linear layers and convolutions, recorded."""

from typing import Any

import numpy as np

from emc.nets.graph import ZERO, Affine, Taken
from emc.nets.tracing.padding import pair, sides_of, windows
from emc.nets.tracing.symbol import Symbol, parameters, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def linear(x: object, weight: Any, bias: Any = None) -> Symbol:
    """torch.nn.functional.linear."""
    x, w, b = samples_first(x), parameters(weight), _bias(bias)
    outputs, terms = w.places.shape
    if x.places.shape[-1] != terms or (b is not None and b.places.shape != (outputs,)):
        raise UntraceableError("a weight does not fit its inputs")
    read = x.recorder.computed(x.places).reshape(-1, terms)
    read = _regular(x, read)
    made = x.recorder.add(Affine(_first(w), _first(b), outputs, False, read), read)
    return x.like(made.reshape(*x.places.shape[:-1], outputs))


def conv2d(  # noqa: PLR0917  # torch's own arguments
    x: object,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Symbol:
    """torch.conv2d."""
    x, w, b = samples_first(x), parameters(weight), _bias(bias)
    outputs, channels, high, wide = w.places.shape
    if x.places.ndim != 3 or len(x.places) != channels * groups or outputs % groups:
        raise UntraceableError("a convolution's weight does not fit its inputs")
    dilated, sides = pair(dilation), sides_of(padding, (high, wide), pair(dilation))
    padded = x.recorder.computed(np.pad(x.places, ((0, 0), *sides), constant_values=ZERO))
    made = [
        _convolved(*parts, (high, wide), pair(stride), dilated)
        for parts in zip(
            (x.like(part) for part in np.split(padded, groups)),
            (w.like(part) for part in np.split(w.places, groups)),
            [None] * groups if b is None else [b.like(p) for p in np.split(b.places, groups)],
            strict=True,
        )
    ]
    return x.like(np.concatenate(made))


def _convolved(  # noqa: PLR0917  # what one group of channels is convolved with
    x: Symbol,
    w: Symbol,
    b: Symbol | None,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int],
) -> np.ndarray:
    """Places [outputs, high, wide] of padded images convolved."""
    outputs = len(w.places)
    read, shape = windows(x.places, kernel, stride, dilation)
    rows = _regular(x, np.moveaxis(read, 0, 2).reshape(shape[0] * shape[1], -1))
    made = x.recorder.add(Affine(_first(w), _first(b), outputs, True, rows), rows)
    return made.reshape(outputs, *shape)


def _regular(x: Symbol, rows: np.ndarray) -> np.ndarray:
    """Places [positions, terms] whose terms lie alike at each position, copied if need be."""
    if np.array_equal(rows - rows[:, :1], np.broadcast_to(rows[:1] - rows[:1, :1], rows.shape)):
        return rows
    return x.recorder.add(Taken(rows.ravel()), rows).reshape(rows.shape)


def _bias(bias: Any) -> Symbol | None:
    return None if bias is None else parameters(bias)


def _first(of: Symbol | None) -> int:
    """The place of the first of parameters that lie in order, without a gap."""
    if of is None:
        return ZERO
    places = of.places.ravel()
    if not np.array_equal(places, places[0] - np.arange(places.size)):
        raise UntraceableError("a weight is a part of a parameter, or turned")
    return int(places[0])
