"""Torch's functions and methods, recorded."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from emc.nets.graph import (
    ZERO,
    Activated,
    Affine,
    Largest,
    Mean,
    Normalised,
    Product,
    Rescaled,
    Softmax,
    Sum,
    Taken,
    of_parameter,
)
from emc.nets.tracing.symbol import (
    ROWS,
    Symbol,
    dimension,
    parameters,
    reshaped,
    samples_first,
)
from emc.nets.tracing.untraceable import UntraceableError


def called(function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What a function of torch's gives for symbols."""
    record = _FUNCTIONS.get(function)
    if record is None:
        raise UntraceableError(f"it calls {getattr(function, '__name__', function)!r}")
    return _recorded(record, args, options)


def method(symbol: Symbol, name: str) -> Callable[..., Any]:
    """A method of a tensor, or an UntraceableError."""
    record = _METHODS.get(name)
    if record is None:
        raise UntraceableError(f"it uses {name!r} of a tensor")
    return lambda *args, **options: _recorded(record, (symbol, *args), options)


def _recorded(record: Callable[..., Any], args: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    try:
        return record(*args, **options)
    except (TypeError, ValueError, IndexError) as error:
        name = record.__name__.strip("_")
        raise UntraceableError(f"it calls {name!r} in a way that is not known: {error}") from error


def _linear(x: object, weight: Any, bias: Any = None) -> Symbol:
    x, w, b = samples_first(x), parameters(weight), _bias(bias)
    outputs, terms = w.places.shape
    if x.places.shape[-1] != terms or (b is not None and b.places.shape != (outputs,)):
        raise UntraceableError("a weight does not fit its inputs")
    read = x.recorder.computed(x.places).reshape(-1, terms)
    read = _regular(x, read)
    made = x.recorder.add(Affine(_first(w), _first(b), outputs, False, read), read)
    return x.like(made.reshape(*x.places.shape[:-1], outputs))


def _conv2d(  # noqa: PLR0917  # torch's own arguments
    x: object,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: Any = 1,
) -> Symbol:
    x, w, b = samples_first(x), parameters(weight), _bias(bias)
    outputs, channels, high, wide = w.places.shape
    if x.places.ndim != 3 or len(x.places) != channels * groups or outputs % groups:
        raise UntraceableError("a convolution's weight does not fit its inputs")
    dilated, sides = _pair(dilation), _sides(padding, (high, wide), _pair(dilation))
    padded = x.recorder.computed(np.pad(x.places, ((0, 0), *sides), constant_values=ZERO))
    made = [
        _convolved(*parts, (high, wide), _pair(stride), dilated)
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
    read, shape = _windows(x.places, kernel, stride, dilation)
    rows = _regular(x, np.moveaxis(read, 0, 2).reshape(shape[0] * shape[1], -1))
    made = x.recorder.add(Affine(_first(w), _first(b), outputs, True, rows), rows)
    return made.reshape(outputs, *shape)


def _sides(
    padding: Any, kernel: tuple[int, int], dilation: tuple[int, int]
) -> list[tuple[int, int]]:
    """By how much each dimension of an image is padded, before and after."""
    if padding == "same":
        all_of = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(pad // 2, pad - pad // 2) for pad in all_of]
    return [(pad, pad) for pad in _pair(0 if padding == "valid" else padding)]


def _windows(
    images: np.ndarray,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    dilation: tuple[int, int] = (1, 1),
) -> tuple[np.ndarray, tuple[int, int]]:
    """Places [channels, high, wide, *kernel] of the windows, and how many there are."""
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    views = np.lib.stride_tricks.sliding_window_view(images, spans, axis=(1, 2))
    picked = views[:, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return picked, (picked.shape[1], picked.shape[2])


_PADDED: Final = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""numpy's names of torch's ways to pad an image from within."""


def _pad(x: object, pad: Any, mode: str = "constant", value: Any = None) -> Symbol:
    x = samples_first(x)
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    if any(type(side) is not int or side < 0 for side in pad) or len(pairs) >= x.ndim:
        raise UntraceableError("it pads by something else than whole numbers from 0")
    around = [(0, 0)] * (x.places.ndim - len(pairs)) + pairs
    if mode == "constant":
        if value:
            raise UntraceableError(f"it pads with {value}")
        return x.like(np.pad(x.places, around, constant_values=ZERO))
    if mode not in _PADDED:
        raise UntraceableError(f"it pads by {mode!r}")
    places = np.pad(x.recorder.computed(x.places), around, mode=_PADDED[mode])  # type: ignore[call-overload]
    return x.like(x.recorder.add(Taken(places.ravel()), places).reshape(places.shape))


def _max_pool2d(  # noqa: PLR0917  # torch's own arguments
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Symbol:
    if _pair(dilation) != (1, 1) or ceil_mode or return_indices:
        raise UntraceableError("a pooling is dilated, rounds up or returns indices")
    return _pooled(x, kernel_size, stride, padding, Largest)


def _avg_pool2d(  # noqa: PLR0917  # torch's own arguments
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: Any = None,
) -> Symbol:
    counted = count_include_pad or _pair(padding) == (0, 0)
    if ceil_mode or divisor_override is not None or not counted:
        raise UntraceableError("a pooling rounds up, has a divisor or does not count its padding")
    return _pooled(x, kernel_size, stride, padding, Mean)


def _pooled(
    x: object, kernel: Any, stride: Any, padding: Any, kind: type[Largest | Mean]
) -> Symbol:
    x = samples_first(x)
    if x.places.ndim != 3:
        raise UntraceableError("a pooling has inputs that are no images")
    sides = ((0, 0), *_sides(padding, (1, 1), (1, 1)))
    images = np.pad(x.recorder.computed(x.places), sides, constant_values=ZERO)
    if kind is Mean:
        images = x.recorder.computed(images)
    read, shape = _windows(images, _pair(kernel), _pair(kernel if stride in (None, ()) else stride))
    rows = _without_padding(read.reshape(len(images) * shape[0] * shape[1], -1))
    return x.like(x.recorder.add(kind(rows), rows).reshape(len(images), *shape))


def _without_padding(rows: np.ndarray) -> np.ndarray:
    """Windows [rows, m] with the first number there is in the places of padding."""
    within = rows != ZERO
    if not within.any(1).all():
        raise UntraceableError("a pooling has windows of padding only")
    first = np.take_along_axis(rows, within.argmax(1)[:, None], 1)
    return np.where(within, rows, first)


def _adaptive(kind: type[Largest | Mean]) -> Callable[..., Symbol]:
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


def _mean(x: object, dim: Any, keepdim: bool = False) -> Symbol:
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


def _activation(name: str) -> Callable[..., Symbol]:
    def record(x: object, inplace: bool = False) -> Symbol:
        x = samples_first(x)
        places = x.recorder.computed(x.places)
        made = x.recorder.add(Activated(name, places.ravel()), places)
        if inplace:
            x.recorder.overwrite(x.places)
        return x.like(made.reshape(x.places.shape))

    record.__name__ = name
    return record


def _leaky_relu(x: Any, negative_slope: float = 0.01, inplace: bool = False) -> Symbol:
    if negative_slope != 0.01:
        raise UntraceableError(f"a leaky ReLU has slope {negative_slope}")
    return _activation("leaky-relu")(x, inplace)


def _gelu(x: Any, approximate: str = "none") -> Symbol:
    if approximate != "none":
        raise UntraceableError(f"a GELU is approximated by {approximate!r}")
    return _activation("gelu")(x)


def _dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Symbol:
    if (p and training) or inplace:
        raise UntraceableError("it drops out numbers")
    return samples_first(x)


def _add(x: object, y: object, alpha: Any = 1) -> Symbol:
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


def _scaled(x: object, factor: Any) -> Symbol:
    if type(factor) not in {int, float}:
        raise UntraceableError("it multiplies by something else than a constant")
    x = samples_first(x)
    places = x.recorder.computed(x.places)
    made = x.recorder.add(Rescaled(float(factor), places.ravel()), places)
    return x.like(made.reshape(places.shape))


def _mul(x: Any, y: Any) -> Symbol:
    return _scaled(x, y) if isinstance(x, Symbol) else _scaled(y, x)


def _div(x: Any, y: Any) -> Symbol:
    if type(y) not in {int, float} or not y:
        raise UntraceableError("it divides by something else than a constant")
    return _scaled(x, 1 / y)


def _layer_norm(
    x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    x, shape = samples_first(x), tuple(normalized_shape)
    if x.places.shape[-len(shape) :] != shape:
        raise UntraceableError("a layer norm does not fit its inputs")
    rows = x.places.reshape(-1, int(np.prod(shape)))
    gains, shifts = (_spread(each, shape, rows.shape) for each in (weight, bias))
    return _normalised(x, rows, gains, shifts, eps)


def _group_norm(
    x: object, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Symbol:
    x = samples_first(x)
    rows, channels = x.places.reshape(num_groups, -1), len(x.places)
    pixels = x.places.size // channels
    gains, shifts = (_spread(each, (channels,), (channels,)) for each in (weight, bias))
    gains, shifts = (np.repeat(each, pixels).reshape(-1, rows.shape[1]) for each in (gains, shifts))
    return _normalised(x, rows, gains, shifts, eps)


def _normalised(
    x: Symbol, rows: np.ndarray, gains: np.ndarray, shifts: np.ndarray, eps: float
) -> Symbol:
    if not gains.size == shifts.size or rows.shape[1] < 2:
        raise UntraceableError("a norm has a weight without a bias, or single numbers")
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


def _softmax(x: object, dim: Any = None, dtype: Any = None, _stacklevel: int = 3) -> Symbol:
    x = samples_first(x)
    if dtype is not None:
        raise UntraceableError("a softmax has a dtype")
    axis = dimension(x, dim)
    moved = np.moveaxis(x.recorder.computed(x.places), axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    made = x.recorder.add(Softmax(rows), rows).reshape(moved.shape)
    return x.like(np.moveaxis(made, -1, axis))


def _matmul(x: object, y: object) -> Symbol:
    x, y = samples_first(x), samples_first(y)
    left, right = x.recorder.computed(x.places), x.recorder.computed(y.places)
    if min(left.ndim, right.ndim) < 2 or left.shape[:-2] != right.shape[:-2]:
        raise UntraceableError("it multiplies tensors whose dimensions differ")
    if left.shape[-1] != right.shape[-2]:
        raise UntraceableError("it multiplies matrices that do not fit")
    one, other = (_matrices(x, each) for each in (left, right))
    made = x.recorder.add(Product(one, other), one, other)
    return x.like(made.reshape(*left.shape[:-1], right.shape[-1]))


def _regular(x: Symbol, rows: np.ndarray) -> np.ndarray:
    """Places [positions, terms] whose terms lie alike at each position, copied if need be."""
    if np.array_equal(rows - rows[:, :1], np.broadcast_to(rows[:1] - rows[:1, :1], rows.shape)):
        return rows
    return x.recorder.add(Taken(rows.ravel()), rows).reshape(rows.shape)


def _matrices(x: Symbol, places: np.ndarray) -> np.ndarray:
    """Places [count, rows, columns], evenly apart along rows and columns, copied if need be."""
    matrices = places.reshape(-1, *places.shape[-2:])
    steps = [np.diff(matrices, axis=axis) for axis in (1, 2)]
    if all((each == each[:, :1, :1]).all() for each in steps):
        return matrices
    return x.recorder.add(Taken(matrices.ravel()), matrices).reshape(matrices.shape)


def _scaled_dot_product_attention(  # noqa: PLR0917  # torch's own arguments
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Symbol:
    if attn_mask is not None or dropout_p or is_causal or enable_gqa:
        raise UntraceableError("an attention is masked, causal, grouped or drops out numbers")
    width = samples_first(query).places.shape[-1]
    scores = _matmul(query, _transpose(key, -2, -1))
    weighed = _softmax(_scaled(scores, width**-0.5 if scale is None else scale), -1)
    return _matmul(weighed, value)


def _multi_head_attention_forward(  # noqa: PLR0917  # torch's own arguments
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    average_attn_weights: bool = True,  # noqa: ARG001
    is_causal: bool = False,
    **others: Any,
) -> tuple[Symbol, Any]:
    """Self-attention of tokens [tokens, samples, width]; its weights are no tensor of the net."""
    given = (bias_k, bias_v, key_padding_mask, attn_mask, *others.values())
    if query is not key or key is not value or any(each is not None for each in given):
        raise UntraceableError("an attention is masked, or of several sequences")
    if add_zero_attn or (dropout_p and training) or use_separate_proj_weight or is_causal:
        raise UntraceableError("an attention adds zeros, drops out numbers, or is causal")
    if not isinstance(query, Symbol) or query.axis != 1 or query.places.ndim != 2:
        raise UntraceableError("an attention's samples are not along its second dimension")
    tokens, width = query.places.shape
    if width != embed_dim_to_check:
        raise UntraceableError("an attention does not fit its tokens")
    joint = _linear(_transpose(query, 0, 1), in_proj_weight, in_proj_bias).places
    parts = joint.reshape(tokens, 3, num_heads, width // num_heads).transpose(1, 2, 0, 3)
    queries, keys, values = (Symbol(query.recorder, part, 0) for part in parts)
    attended = _scaled_dot_product_attention(queries, keys, values).places
    rows = Symbol(query.recorder, attended.transpose(1, 0, 2).reshape(tokens, width), 0)
    out = _transpose(_linear(rows, out_proj_weight, out_proj_bias), 0, 1)
    return out, _Unread() if need_weights else None


class _Unread:
    """Attention weights, which no later operation may look at."""


def _flatten(x: object, start_dim: int = 0, end_dim: int = -1) -> Symbol:
    x = samples_first(x)
    start, end = dimension(x, start_dim), dimension(x, end_dim)
    shape = x.places.shape
    return x.like(x.places.reshape(*shape[:start], -1, *shape[end + 1 :]))


def _unflatten(x: object, dim: int, sizes: Any) -> Symbol:
    x = samples_first(x)
    axis, shape = dimension(x, dim), x.places.shape
    return x.like(x.places.reshape(*shape[:axis], *sizes, *shape[axis + 1 :]))


def _reshape(x: Symbol, *sizes: Any) -> Symbol:
    one = len(sizes) == 1 and isinstance(sizes[0], tuple | list)
    return reshaped(x, sizes[0] if one else sizes)


def _transpose(x: Any, dim0: int, dim1: int) -> Symbol:
    order = list(range(x.ndim))
    first, second = order[dim0], order[dim1]
    order[first], order[second] = second, first
    return _permute(x, order)


def _permute(x: Symbol, *dims: Any) -> Symbol:
    one = len(dims) == 1 and isinstance(dims[0], tuple | list)
    order = [d % x.ndim for d in (dims[0] if one else dims)]
    if sorted(order) != list(range(x.ndim)):
        raise UntraceableError("a permutation leaves out a dimension")
    if x.axis is None:
        return x.like(x.places.transpose(order))
    inner = [d - (d > x.axis) for d in order if d != x.axis]
    return Symbol(x.recorder, x.places.transpose(inner), order.index(x.axis))


def _unsqueeze(x: Symbol, dim: int) -> Symbol:
    place = dim % (x.ndim + 1)
    if x.axis is None:
        return x.like(np.expand_dims(x.places, place))
    samples_first(x)
    if place == 0:
        raise UntraceableError("it puts a dimension before the samples")
    return x.like(np.expand_dims(x.places, place - 1))


def _squeeze(x: Symbol, dim: Any) -> Symbol:
    axis = dimension(x, dim)
    return x.like(x.places.squeeze(axis)) if x.places.shape[axis] == 1 else x


def _chunk(x: Symbol, chunks: int, dim: int = 0) -> tuple[Symbol, ...]:
    axis = dimension(x, dim)
    if x.places.shape[axis] % chunks:
        raise UntraceableError("it cuts a tensor into uneven chunks")
    return tuple(x.like(part) for part in np.split(x.places, chunks, axis))


def _unbind(x: Symbol, dim: int = 0) -> tuple[Symbol, ...]:
    first = _permute(x, [dim % x.ndim, *(d for d in range(x.ndim) if d != dim % x.ndim)])
    return tuple(first)


def _cat(tensors: Any, dim: int = 0) -> Symbol:
    parts = [samples_first(each) for each in tensors]
    if len({part.ndim for part in parts}) != 1:
        raise UntraceableError("it joins tensors of different dimensions")
    axis = dimension(parts[0], dim)
    return parts[0].like(np.concatenate([part.places for part in parts], axis))


def _expand(x: Any, *sizes: Any) -> Symbol:
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


def _itself(x: Any) -> Any:
    return x


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


def _pair(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2 or any(type(each) is not int for each in pair):
        raise UntraceableError(f"expected a number or two, found {value!r}")
    return pair


_relu, _silu, _tanh, _sigmoid = map(_activation, ("relu", "silu", "tanh", "sigmoid"))

_FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {
    functional.linear: _linear,
    torch.conv2d: _conv2d,
    functional.max_pool2d: _max_pool2d,
    functional.avg_pool2d: _avg_pool2d,
    functional.adaptive_avg_pool2d: _adaptive(Mean),
    functional.adaptive_max_pool2d: _adaptive(Largest),
    functional.pad: _pad,
    functional.layer_norm: _layer_norm,
    functional.group_norm: _group_norm,
    functional.relu: _relu,
    torch.relu: _relu,
    functional.leaky_relu: _leaky_relu,
    functional.gelu: _gelu,
    functional.silu: _silu,
    torch.tanh: _tanh,
    torch.sigmoid: _sigmoid,
    functional.dropout: _dropout,
    functional.softmax: _softmax,
    torch.softmax: _softmax,
    functional.scaled_dot_product_attention: _scaled_dot_product_attention,
    functional.multi_head_attention_forward: _multi_head_attention_forward,
    torch.add: _add,
    torch.mul: _mul,
    torch.div: _div,
    torch.matmul: _matmul,
    torch.bmm: _matmul,
    torch.mean: _mean,
    torch.flatten: _flatten,
    torch.reshape: _reshape,
    torch.transpose: _transpose,
    torch.permute: _permute,
    torch.unsqueeze: _unsqueeze,
    torch.squeeze: _squeeze,
    torch.chunk: _chunk,
    torch.unbind: _unbind,
    torch.cat: _cat,
}

_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
    "add": _add,
    "mul": _mul,
    "div": _div,
    "matmul": _matmul,
    "mean": _mean,
    "flatten": _flatten,
    "unflatten": _unflatten,
    "reshape": _reshape,
    "view": _reshape,
    "transpose": _transpose,
    "permute": _permute,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "chunk": _chunk,
    "unbind": _unbind,
    "expand": _expand,
    "contiguous": _itself,
}
