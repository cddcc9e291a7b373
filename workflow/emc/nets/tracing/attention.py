"""Matrix products, softmax and attention, recorded."""

from typing import Any, NoReturn

import numpy as np

from emc.nets.graph import Product, Softmax, Taken
from emc.nets.tracing.affine import linear
from emc.nets.tracing.elementwise import scaled
from emc.nets.tracing.shaping import transpose
from emc.nets.tracing.symbol import Symbol, dimension, samples_first
from emc.nets.tracing.untraceable import UntraceableError


def softmax(x: object, dim: Any = None, dtype: Any = None, _stacklevel: int = 3) -> Symbol:
    """torch.softmax."""
    x = samples_first(x)
    if dtype is not None:
        raise UntraceableError("a softmax has a dtype")
    axis = dimension(x, dim)
    moved = np.moveaxis(x.recorder.computed(x.places), axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    made = x.recorder.add(Softmax(rows), rows).reshape(moved.shape)
    return x.like(np.moveaxis(made, -1, axis))


def matmul(x: object, y: object) -> Symbol:
    """torch.matmul and torch.bmm."""
    x, y = samples_first(x), samples_first(y)
    left, right = x.recorder.computed(x.places), x.recorder.computed(y.places)
    if min(left.ndim, right.ndim) < 2 or left.shape[:-2] != right.shape[:-2]:
        raise UntraceableError("it multiplies tensors whose dimensions differ")
    if left.shape[-1] != right.shape[-2]:
        raise UntraceableError("it multiplies matrices that do not fit")
    one, other = (_matrices(x, each) for each in (left, right))
    made = x.recorder.add(Product(one, other), one, other)
    return x.like(made.reshape(*left.shape[:-1], right.shape[-1]))


def _matrices(x: Symbol, places: np.ndarray) -> np.ndarray:
    """Places [count, rows, columns], evenly apart along rows and columns, copied if need be."""
    matrices = places.reshape(-1, *places.shape[-2:])
    steps = [np.diff(matrices, axis=axis) for axis in (1, 2)]
    if all((each == each[:, :1, :1]).all() for each in steps):
        return matrices
    return x.recorder.add(Taken(matrices.ravel()), matrices).reshape(matrices.shape)


def scaled_dot_product_attention(  # noqa: PLR0917  # torch's own arguments
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Symbol:
    """torch.nn.functional.scaled_dot_product_attention."""
    if attn_mask is not None or dropout_p or is_causal or enable_gqa:
        raise UntraceableError("an attention is masked, causal, grouped or drops out numbers")
    width = samples_first(query).places.shape[-1]
    scores = matmul(query, transpose(key, -2, -1))
    weighed = softmax(scaled(scores, width**-0.5 if scale is None else scale), -1)
    return matmul(weighed, value)


def multi_head_attention_forward(  # noqa: PLR0917  # torch's own arguments
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
    joint = linear(transpose(query, 0, 1), in_proj_weight, in_proj_bias).places
    parts = joint.reshape(tokens, 3, num_heads, width // num_heads).transpose(1, 2, 0, 3)
    queries, keys, values = (Symbol(query.recorder, part, 0) for part in parts)
    attended = scaled_dot_product_attention(queries, keys, values).places
    rows = Symbol(query.recorder, attended.transpose(1, 0, 2).reshape(tokens, width), 0)
    out = transpose(linear(rows, out_proj_weight, out_proj_bias), 0, 1)
    return out, _Unread() if need_weights else None


class _Unread:
    """Attention weights, which no later operation may look at."""

    def __getattr__(self, name: str) -> NoReturn:
        """Nothing of them is known."""
        raise UntraceableError("it reads an attention's weights")
