"""The whole Hessian of a layered net: in closed form where only dense layers follow.

A direction dW_l of layer l's weights acts on each sample through dz_l = dW_l x_l alone, and the
gradient in W_k is d_k x_k'. With R_l the derivative along z_l (`passes` with V = 0), for l <= k

    d^2 loss / dW_k dW_l  =  sum over samples of  (R_l d_k x_k' + d_k R_l x_k') x_l,

which takes one derivative for each unit of layer l, where products take one for each weight.
Columns of convolutions, which have a z for every pixel but few weights, are products.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from emc.curvature.written.layer import Layer
from emc.curvature.written.maps import ConvMap
from emc.curvature.written.passes import Chunk

ProductsOfOne = Callable[[np.ndarray], np.ndarray]


def dense_hessian(
    layers: Sequence[Layer], chunks: Iterable[Chunk], products: ProductsOfOne
) -> np.ndarray:
    """The Hessian of an objective, float64 [P, P], in the order of the flat parameters.

    Without the weight decay, except in the columns that `products` gives: [m, P] to [m, P].
    """
    dimension = layers[-1].stretch.stop
    order = np.concatenate([layer.stretch.matrix(np.arange(dimension)).ravel() for layer in layers])
    first = by_products(layers)
    lower = np.zeros((dimension, dimension))
    for chunk in chunks:
        for low in range(first, len(layers)):
            _add_responses(layers, chunk, low, lower)
    columns = layers[first].stretch.start
    if columns:
        lower[:, :columns] = products(np.eye(dimension)[order[:columns]])[:, order].T
    hessian = np.tril(lower) + np.tril(lower, -1).T
    flat = np.argsort(order)
    return hessian[np.ix_(flat, flat)]


def by_products(layers: Sequence[Layer]) -> int:
    """How many layers have no closed form: convolutions, which come first."""
    return sum(isinstance(layer.around, ConvMap) for layer in layers)


class _Response(NamedTuple):
    """What a layer answers to each unit of z_l, [features, units of z_l, samples].

    `rx` is without the bias's row, and None in layer l itself, whose input does not answer.
    """

    layer: Layer
    x: np.ndarray
    d: np.ndarray
    rx: np.ndarray | None
    rd: np.ndarray


def _responses(layers: Sequence[Layer], chunk: Chunk, low: int) -> Iterator[_Response]:
    """The answers of layers l = `low` and above, the last layer first."""
    above = list(zip(layers[low:], chunk.passes[low:], strict=True))
    units = len(chunk.passes[low].d)
    there: list[tuple[np.ndarray | None, np.ndarray]] = []
    ra = None
    for layer, seen in above:
        rz = np.eye(units)[:, :, None] if ra is None else np.tensordot(layer.kernel, ra, 1)
        there.append((ra, rz))
        ra = seen.first[:, None] * rz
    assert ra is not None
    rg = chunk.loss.curve(ra)
    for (layer, seen), (rx, rz) in reversed(list(zip(above, there, strict=True))):
        rd = seen.first[:, None] * rg
        if seen.bend is not None:
            rd += seen.bend[:, None] * rz
        yield _Response(layer, seen.x, seen.d, rx, rd)
        rg = np.tensordot(layer.kernel.T, rd, 1)


def _add_responses(layers: Sequence[Layer], chunk: Chunk, low: int, lower: np.ndarray) -> None:
    """Add a chunk's share of the blocks (k, l = `low`), k >= l, on and below the diagonal."""
    start, x_low = layers[low].stretch.start, chunk.passes[low].x
    for layer, x, d, rx, rd in _responses(layers, chunk, low):
        for unit in range(layer.stretch.outputs):
            units = rd.shape[1] if rx is not None else unit + 1
            left = x[:, None] * rd[unit, :units]
            if rx is not None:
                left[: layer.stretch.inputs] += rx * d[unit]
            block = left.reshape(-1, x.shape[1]) @ x_low.T
            row = layer.stretch.start + unit * len(x)
            lower[row : row + len(x), start : start + units * len(x_low)] += block.reshape(
                len(x), -1
            )
