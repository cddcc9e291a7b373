"""Changes of shape, which compute nothing, recorded."""

from typing import Any

import numpy as np

from emc.nets.tracing.symbol import ROWS, Symbol, dimension, parameters, reshaped, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def flatten(x: object, start_dim: int = 0, end_dim: int = -1) -> Symbol:
    """torch.flatten."""
    x = samples_first(x)
    start, end = dimension(x, start_dim), dimension(x, end_dim)
    shape = x.places.shape
    return x.like(x.places.reshape(*shape[:start], -1, *shape[end + 1 :]))


def unflatten(x: object, dim: int, sizes: Any) -> Symbol:
    """torch.Tensor.unflatten."""
    x = samples_first(x)
    axis, shape = dimension(x, dim), x.places.shape
    return x.like(x.places.reshape(*shape[:axis], *sizes, *shape[axis + 1 :]))


def reshape(x: Symbol, *sizes: Any) -> Symbol:
    """torch.reshape and torch.Tensor.view."""
    one = len(sizes) == 1 and isinstance(sizes[0], tuple | list)
    return reshaped(x, sizes[0] if one else sizes)


def transpose(x: Any, dim0: int, dim1: int) -> Symbol:
    """torch.transpose."""
    order = list(range(x.ndim))
    first, second = order[dim0], order[dim1]
    order[first], order[second] = second, first
    return permute(x, order)


def permute(x: Symbol, *dims: Any) -> Symbol:
    """torch.permute."""
    one = len(dims) == 1 and isinstance(dims[0], tuple | list)
    order = [d % x.ndim for d in (dims[0] if one else dims)]
    if sorted(order) != list(range(x.ndim)):
        raise UntraceableError("a permutation leaves out a dimension")
    if x.axis is None:
        return x.like(x.places.transpose(order))
    inner = [d - (d > x.axis) for d in order if d != x.axis]
    return Symbol(x.recorder, x.places.transpose(inner), order.index(x.axis))


def unsqueeze(x: Symbol, dim: int) -> Symbol:
    """torch.unsqueeze."""
    place = dim % (x.ndim + 1)
    if x.axis is None:
        return x.like(np.expand_dims(x.places, place))
    samples_first(x)
    if place == 0:
        raise UntraceableError("it puts a dimension before the samples")
    return x.like(np.expand_dims(x.places, place - 1))


def squeeze(x: Symbol, dim: Any) -> Symbol:
    """torch.squeeze of one dimension."""
    axis = dimension(x, dim)
    return x.like(x.places.squeeze(axis)) if x.places.shape[axis] == 1 else x


def chunk(x: Symbol, chunks: int, dim: int = 0) -> tuple[Symbol, ...]:
    """torch.chunk into equal parts."""
    axis = dimension(x, dim)
    if x.places.shape[axis] % chunks:
        raise UntraceableError("it cuts a tensor into uneven chunks")
    return tuple(x.like(part) for part in np.split(x.places, chunks, axis))


def unbind(x: Symbol, dim: int = 0) -> tuple[Symbol, ...]:
    """torch.unbind."""
    first = permute(x, [dim % x.ndim, *(d for d in range(x.ndim) if d != dim % x.ndim)])
    return tuple(iter(first))


def cat(tensors: Any, dim: int = 0) -> Symbol:
    """torch.cat."""
    parts = [samples_first(each) for each in tensors]
    if len({part.ndim for part in parts}) != 1:
        raise UntraceableError("it joins tensors of different dimensions")
    axis = dimension(parts[0], dim)
    return parts[0].like(np.concatenate([part.places for part in parts], axis))


def expand(x: Any, *sizes: Any) -> Symbol:
    """Parameters given to every sample."""
    wanted = sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple | list) else sizes
    places = parameters(x).places
    if len(wanted) != places.ndim or wanted[0] is not ROWS or len(places) != 1:
        raise UntraceableError("it expands something else than parameters to samples")
    kept = [
        size if want == -1 else want
        for want, size in zip(wanted[1:], places.shape[1:], strict=True)
    ]
    return Symbol(x.recorder, np.broadcast_to(places[0], kept), 0)


def itself(x: Any) -> Any:
    """torch.Tensor.contiguous."""
    return x
