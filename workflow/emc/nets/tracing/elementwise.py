"""Activations, sums and multiples, recorded."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emc.nets.graph import Activated, Rescaled, Sum, of_parameter
from emc.nets.tracing.symbol import Symbol, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def activation(name: str) -> Callable[..., Symbol]:
    """The function or method of an activation of the kernels."""

    def record(x: object, inplace: bool = False) -> Symbol:
        x = samples_first(x)
        places = x.recorder.computed(x.places)
        made = x.recorder.add(Activated(name, places.ravel()), places)
        if inplace:
            x.recorder.overwrite(x.places)
        return x.like(made.reshape(x.places.shape))

    record.__name__ = name
    return record


def leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Symbol:
    """torch.nn.functional.leaky_relu, of slope 0.01."""
    if negative_slope != 0.01:
        raise UntraceableError(f"a leaky ReLU has slope {negative_slope}")
    return activation("leaky-relu")(x, inplace)


def gelu(x: Any, approximate: str = "none") -> Symbol:
    """torch.nn.functional.gelu, the exact form."""
    if approximate != "none":
        raise UntraceableError(f"a GELU is approximated by {approximate!r}")
    return activation("gelu")(x)


def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Symbol:
    """torch.nn.functional.dropout where it drops nothing."""
    if (p and training) or inplace:
        raise UntraceableError("it drops out numbers")
    return samples_first(x)


def add(x: object, y: object, alpha: Any = 1) -> Symbol:
    """torch.add."""
    if alpha != 1 or not isinstance(x, Symbol) or not isinstance(y, Symbol):
        raise UntraceableError("it adds something else than its numbers and parameters")
    if x.axis is None:
        x, y = y, x
    x = samples_first(x)
    right = samples_first(y).places if y.axis is not None else _for_samples(y, x.ndim)
    if y.axis is not None and right.ndim != x.places.ndim:
        raise UntraceableError("it adds tensors of different dimensions")
    left, right = np.broadcast_arrays(x.recorder.computed(x.places), right)
    if right.max() > of_parameter(0):
        right = x.recorder.computed(right)
    made = x.recorder.add(Sum(left.ravel(), right.ravel()), left, right)
    return x.like(made.reshape(left.shape))


def _for_samples(y: Symbol, ndim: int) -> np.ndarray:
    """Parameters that are added to each sample of a tensor of `ndim` dimensions."""
    if y.ndim < ndim:
        return y.places
    if y.ndim > ndim or len(y.places) != 1:
        raise UntraceableError("it adds parameters across the samples of a batch")
    one: np.ndarray = y.places[0]
    return one


def scaled(x: object, factor: Any) -> Symbol:
    """A tensor times a constant."""
    if type(factor) not in {int, float}:
        raise UntraceableError("it multiplies by something else than a constant")
    x = samples_first(x)
    places = x.recorder.computed(x.places)
    made = x.recorder.add(Rescaled(float(factor), places.ravel()), places)
    return x.like(made.reshape(places.shape))


def mul(x: Any, y: Any) -> Symbol:
    """torch.mul by a constant."""
    return scaled(x, y) if isinstance(x, Symbol) else scaled(y, x)


def div(x: Any, y: Any) -> Symbol:
    """torch.div by a constant."""
    if type(y) not in {int, float} or not y:
        raise UntraceableError("it divides by something else than a constant")
    return scaled(x, 1 / y)
