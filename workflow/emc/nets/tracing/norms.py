"""Norms over layers, groups and batches, and by root mean squares, recorded."""

from dataclasses import replace
from typing import Any, Final

import numpy as np

from emc.nets.graph import BatchNormalised, Normalised
from emc.nets.tracing.recorder import Recorder
from emc.nets.tracing.statistics import MEAN, VARIANCE, RunningStatistic
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


def batch_norm(  # noqa: PLR0917  # torch's own arguments
    x: object,
    running_mean: object,
    running_var: object,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Symbol:
    """torch.nn.functional.batch_norm."""
    x = samples_first(x)
    channels = len(x.places)
    _check_epsilon(eps)
    gains, shifts = (_spread(each, (channels,), (channels,)) for each in (weight, bias))
    read = x.recorder.computed(x.places).reshape(channels, -1)
    kept, share = _running(x.recorder, (running_mean, running_var), training, momentum, channels)
    step = BatchNormalised(float(eps), share, kept, read, gains, shifts)
    return x.like(x.recorder.add(step, read).reshape(x.places.shape))


def _running(
    recorder: Recorder, running: tuple[Any, Any], training: bool, momentum: float, channels: int
) -> tuple[int, float | None]:
    """Where running statistics begin, -1 for none, and the share that a batch has in them."""
    mean, variance = running
    if mean is None and variance is None and training:
        return -1, None
    if not isinstance(mean, RunningStatistic) or not isinstance(variance, RunningStatistic):
        raise UntraceableError("a batch norm has no running statistics of its own")
    if (mean.kind, variance.kind) != (MEAN, VARIANCE) or mean.layer is not variance.layer:
        raise UntraceableError("a batch norm uses running statistics of another")
    if training != recorder.training:
        raise UntraceableError("a batch norm is in another mode than its net")
    if training and not _as_layer(mean, momentum):
        raise UntraceableError("a batch norm's momentum is not that of its layer")
    return recorder.keep(mean.name, variance.name, numbers=channels), mean.momentum


def _as_layer(mean: RunningStatistic, momentum: float) -> bool:
    """Whether a batch has the share in running statistics that their layer says."""
    if mean.momentum is None:
        return momentum == 1 and mean.count is not None and mean.count.read
    return momentum == mean.momentum


def _rows(x: object, normalized_shape: Any) -> tuple[Symbol, np.ndarray, tuple[int, ...]]:
    """The inputs, their places [rows, m] by what is normalised together, and the shape of that."""
    x, shape = samples_first(x), tuple(normalized_shape)
    if x.places.shape[-len(shape) :] != shape:
        raise UntraceableError("a norm does not fit its inputs")
    return x, x.places.reshape(-1, int(np.prod(shape))), shape


def _normalised(x: Symbol, step: Normalised) -> Symbol:
    if step.inputs.shape[1] < 2:
        raise UntraceableError("a norm is over single numbers")
    if step.epsilon is not None:
        _check_epsilon(step.epsilon)
    read = x.recorder.computed(step.inputs)
    made = x.recorder.add(replace(step, inputs=read), read)
    return x.like(made.reshape(x.places.shape))


def _check_epsilon(epsilon: float) -> None:
    """Refuse those by which torch's norms give no finite numbers, or the kernels others."""
    if not epsilon > 0:
        raise UntraceableError(f"a norm's epsilon is {epsilon}")


def _spread(each: Any, shape: tuple[int, ...], to: tuple[int, ...]) -> np.ndarray:
    """Parameters of `shape` repeated to the shape `to`; none where there are none."""
    if each is None:
        return _NONE
    if parameters(each).places.shape != shape:
        raise UntraceableError("a norm's weight does not fit its inputs")
    return np.resize(parameters(each).places, to)
