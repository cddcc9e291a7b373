"""Layer norms, group norms and norms by root mean squares, recorded."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from emc.nets.graph import Normalised
from emc.nets.tracing.symbol import Symbol, parameters, samples_first
from emc.nets.tracing.untraceable import UntraceableError

_NONE: Final = np.zeros((0, 0), np.int64)


def layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    """torch.nn.functional.layer_norm."""
    x, rows, shape = _rows(x, normalized_shape)
    gains, shifts = (_spread(each, shape, rows.shape) for each in (weight, bias))
    return _normalised(x, Normalised(float(eps), True, rows, gains, shifts))


def rms_norm(x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Symbol:
    """torch.nn.functional.rms_norm."""
    x, rows, shape = _rows(x, normalized_shape)
    gains, epsilon = _spread(weight, shape, rows.shape), None if eps is None else float(eps)
    return _normalised(x, Normalised(epsilon, False, rows, gains, _NONE))


def group_norm(
    x: object, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    """torch.nn.functional.group_norm."""
    x = samples_first(x)
    rows, channels = x.places.reshape(num_groups, -1), len(x.places)
    pixels = x.places.size // channels
    gains, shifts = (_spread(each, (channels,), (channels,)) for each in (weight, bias))
    gains, shifts = (np.repeat(each, pixels).reshape(-1, rows.shape[1]) for each in (gains, shifts))
    return _normalised(x, Normalised(float(eps), True, rows, gains, shifts))


def _rows(x: object, normalized_shape: Any) -> tuple[Symbol, np.ndarray, tuple[int, ...]]:
    """The inputs, their places [rows, m] by what is normalised together, and the shape of that."""
    x, shape = samples_first(x), tuple(normalized_shape)
    if x.places.shape[-len(shape) :] != shape:
        raise UntraceableError("a norm does not fit its inputs")
    return x, x.places.reshape(-1, int(np.prod(shape))), shape


def _normalised(x: Symbol, step: Normalised) -> Symbol:
    if step.inputs.shape[1] < 2:
        raise UntraceableError("a norm is over single numbers")
    read = x.recorder.computed(step.inputs)
    made = x.recorder.add(replace(step, inputs=read), read)
    return x.like(made.reshape(x.places.shape))


def _spread(each: Any, shape: tuple[int, ...], to: tuple[int, ...]) -> np.ndarray:
    """Parameters of `shape` repeated to the shape `to`; none where there are none."""
    if each is None:
        return _NONE
    if parameters(each).places.shape != shape:
        raise UntraceableError("a norm's weight does not fit its inputs")
    return np.resize(parameters(each).places, to)
