"""Layer and group norms, recorded."""

from typing import Any

import numpy as np

from emc.nets.graph import Normalised
from emc.nets.tracing.symbol import Symbol, parameters, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    """torch.nn.functional.layer_norm."""
    x, shape = samples_first(x), tuple(normalized_shape)
    if x.places.shape[-len(shape) :] != shape:
        raise UntraceableError("a layer norm does not fit its inputs")
    rows = x.places.reshape(-1, int(np.prod(shape)))
    gains, shifts = (_spread(each, shape, rows.shape) for each in (weight, bias))
    return _normalised(x, rows, gains, shifts, eps)


def group_norm(
    x: object, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    """torch.nn.functional.group_norm."""
    x = samples_first(x)
    rows, channels = x.places.reshape(num_groups, -1), len(x.places)
    pixels = x.places.size // channels
    gains, shifts = (_spread(each, (channels,), (channels,)) for each in (weight, bias))
    gains, shifts = (np.repeat(each, pixels).reshape(-1, rows.shape[1]) for each in (gains, shifts))
    return _normalised(x, rows, gains, shifts, eps)


def _normalised(
    x: Symbol, rows: np.ndarray, gains: np.ndarray, shifts: np.ndarray, eps: float
) -> Symbol:
    if gains.size != shifts.size:
        raise UntraceableError("a norm has a weight without a bias")
    if rows.shape[1] < 2:
        raise UntraceableError("a norm is over single numbers")
    read = x.recorder.computed(rows)
    made = x.recorder.add(Normalised(float(eps), read, gains, shifts), read)
    return x.like(made.reshape(x.places.shape))


def _spread(each: Any, shape: tuple[int, ...], to: tuple[int, ...]) -> np.ndarray:
    """Parameters of `shape` repeated to the shape `to`; none where there are none."""
    if each is None:
        return np.zeros((0, 0), np.int64)
    if parameters(each).places.shape != shape:
        raise UntraceableError("a norm's weight does not fit its inputs")
    return np.resize(parameters(each).places, to)
