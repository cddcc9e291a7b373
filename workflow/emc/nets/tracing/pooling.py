"""Poolings and means, recorded."""

from collections.abc import Callable
from typing import Any

import numpy as np

from emc.nets.graph import ZERO, Largest, Mean
from emc.nets.tracing.padding import pair, sides_of, windows
from emc.nets.tracing.symbol import Symbol, dimension, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def max_pool2d(  # noqa: PLR0917  # torch's own arguments
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Symbol:
    """torch.nn.functional.max_pool2d."""
    if pair(dilation) != (1, 1) or ceil_mode or return_indices:
        raise UntraceableError("a pooling is dilated, rounds up or returns indices")
    return _pooled(x, kernel_size, stride, padding, Largest)


def avg_pool2d(  # noqa: PLR0917  # torch's own arguments
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Symbol:
    """torch.nn.functional.avg_pool2d."""
    counted = count_include_pad or pair(padding) == (0, 0)
    if ceil_mode or divisor_override is not None or not counted:
        raise UntraceableError("a pooling rounds up, has a divisor or does not count its padding")
    return _pooled(x, kernel_size, stride, padding, Mean)


def _pooled(
    x: object, kernel: Any, stride: Any, padding: Any, kind: type[Largest | Mean]
) -> Symbol:
    x = samples_first(x)
    if x.places.ndim != 3:
        raise UntraceableError("a pooling has inputs that are no images")
    sides = ((0, 0), *sides_of(padding, (1, 1), (1, 1)))
    images = np.pad(x.recorder.computed(x.places), sides, constant_values=ZERO)
    if kind is Mean:
        images = x.recorder.computed(images)
    read, shape = windows(images, pair(kernel), pair(kernel if stride in (None, ()) else stride))
    rows = _without_padding(read.reshape(len(images) * shape[0] * shape[1], -1))
    return x.like(x.recorder.add(kind(rows), rows).reshape(len(images), *shape))


def _without_padding(rows: np.ndarray) -> np.ndarray:
    """Windows [rows, m] with the first number there is in the places of padding."""
    within = rows != ZERO
    if not within.any(1).all():
        raise UntraceableError("a pooling has windows of padding only")
    first = np.take_along_axis(rows, within.argmax(1)[:, None], 1)
    return np.where(within, rows, first)


def adaptive(kind: type[Largest | Mean]) -> Callable[..., Symbol]:
    """torch's adaptive pooling where windows are even."""

    def adaptive_pooling(x: object, output_size: Any, return_indices: bool = False) -> Symbol:
        x = samples_first(x)
        asked = output_size if isinstance(output_size, tuple | list) else (output_size,) * 2
        sizes = x.places.shape[1:]
        wanted = [size if want is None else want for want, size in zip(asked, sizes, strict=True)]
        if return_indices or any(size % want for want, size in zip(wanted, sizes, strict=True)):
            raise UntraceableError("an adaptive pooling has uneven windows, or returns indices")
        kernel = tuple(size // want for want, size in zip(wanted, sizes, strict=True))
        return _pooled(x, kernel, None, 0, kind)

    return adaptive_pooling


def mean(x: object, dim: Any, keepdim: bool = False) -> Symbol:
    """torch.mean."""
    x = samples_first(x)
    dims = sorted(dimension(x, d) for d in (dim if isinstance(dim, tuple | list) else (dim,)))
    if len(set(dims)) != len(dims) or not dims:
        raise UntraceableError("a mean over no dimension, or one twice")
    left = [size for d, size in enumerate(x.places.shape) if d not in dims]
    moved = np.moveaxis(x.recorder.computed(x.places), dims, range(-len(dims), 0))
    rows = moved.reshape(int(np.prod(left)), -1)
    made = x.recorder.add(Mean(rows), rows)
    kept = [1 if d in dims else size for d, size in enumerate(x.places.shape)]
    return x.like(made.reshape(kept if keepdim else left))
