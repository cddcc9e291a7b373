"""Torch's functions and methods, and what records each."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch.nn import functional

from emc.nets.graph import Largest, Mean
from emc.nets.tracing.affine import conv2d, linear
from emc.nets.tracing.attention import (
    matmul,
    multi_head_attention_forward,
    scaled_dot_product_attention,
    softmax,
)
from emc.nets.tracing.elementwise import activation, add, div, dropout, gelu, leaky_relu, mul
from emc.nets.tracing.norms import batch_norm, group_norm, layer_norm, rms_norm
from emc.nets.tracing.padding import pad
from emc.nets.tracing.pooling import adaptive, avg_pool2d, max_pool2d, mean
from emc.nets.tracing.shaping import (
    cat,
    chunk,
    expand,
    flatten,
    itself,
    permute,
    reshape,
    squeeze,
    transpose,
    unbind,
    unflatten,
    unsqueeze,
)
from emc.nets.tracing.symbol import Symbol
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
        name = record.__name__
        raise UntraceableError(f"it calls {name!r} in a way that is not known: {error}") from error


_relu, _silu, _tanh, _sigmoid = map(activation, ("relu", "silu", "tanh", "sigmoid"))

_FUNCTIONS: Final[dict[Any, Callable[..., Any]]] = {
    functional.linear: linear,
    torch.conv2d: conv2d,
    functional.max_pool2d: max_pool2d,
    functional.avg_pool2d: avg_pool2d,
    functional.adaptive_avg_pool2d: adaptive(Mean),
    functional.adaptive_max_pool2d: adaptive(Largest),
    functional.pad: pad,
    functional.layer_norm: layer_norm,
    functional.group_norm: group_norm,
    functional.rms_norm: rms_norm,
    functional.batch_norm: batch_norm,
    functional.relu: _relu,
    torch.relu: _relu,
    functional.leaky_relu: leaky_relu,
    functional.gelu: gelu,
    functional.silu: _silu,
    torch.tanh: _tanh,
    torch.sigmoid: _sigmoid,
    functional.dropout: dropout,
    functional.softmax: softmax,
    torch.softmax: softmax,
    functional.scaled_dot_product_attention: scaled_dot_product_attention,
    functional.multi_head_attention_forward: multi_head_attention_forward,
    torch.add: add,
    torch.mul: mul,
    torch.div: div,
    torch.matmul: matmul,
    torch.bmm: matmul,
    torch.mean: mean,
    torch.flatten: flatten,
    torch.reshape: reshape,
    torch.transpose: transpose,
    torch.permute: permute,
    torch.unsqueeze: unsqueeze,
    torch.squeeze: squeeze,
    torch.chunk: chunk,
    torch.unbind: unbind,
    torch.cat: cat,
}

_METHODS: Final[dict[str, Callable[..., Any]]] = {
    "relu": _relu,
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softmax": softmax,
    "add": add,
    "mul": mul,
    "div": div,
    "matmul": matmul,
    "mean": mean,
    "flatten": flatten,
    "unflatten": unflatten,
    "reshape": reshape,
    "view": reshape,
    "transpose": transpose,
    "permute": permute,
    "unsqueeze": unsqueeze,
    "squeeze": squeeze,
    "chunk": chunk,
    "unbind": unbind,
    "expand": expand,
    "contiguous": itself,
}
