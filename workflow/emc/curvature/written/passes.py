"""There and back through the layers: the loss's gradient, and its derivative along a direction.

The R-operator of Pearlmutter (1994), "Fast exact multiplication by the Hessian", Neural
Computation 6(1). For a layer z = W x, a = f(z), with the loss's gradients g in a and
d = f'(z) g in z, the derivatives along a direction V of all weights are

    Rz = W Rx + V x,   Ra = f'(z) Rz,   Rd = f'(z) Rg + f''(z) g Rz,
    R(gradient in W) = Rd x' + d Rx',   R(gradient in x) = W' Rd + V' d.

The derivative of a ReLU net ignores the kinks, as automatic differentiation does.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emc.activations import ACTIVATIONS, Bent
from emc.curvature.logits import LogitLoss, logit_loss
from emc.curvature.objective import Objective
from emc.curvature.written.layer import Layer


class Pass(NamedTuple):
    """What one layer saw on the way there and back; letters as in the module's formulas.

    `x` is [inputs (+ 1), columns] and `d` [outputs, columns]; `first` holds f'(z) and `bend`
    f''(z) g at the z that pooling keeps, whose flat indices are `kept`; `shape` is that of the
    layer's input.
    """

    x: np.ndarray
    shape: tuple[int, ...]
    kept: np.ndarray | None
    first: np.ndarray
    bend: np.ndarray | None
    d: np.ndarray


class Chunk(NamedTuple):
    """The passes of some samples, their loss, and how many of them are classified right."""

    passes: list[Pass]
    loss: LogitLoss
    correct: int


class There(NamedTuple):
    """What one layer saw on the way there: `bent` are its activations that pooling keeps."""

    layer: Layer
    x: np.ndarray
    shape: tuple[int, ...]
    kept: np.ndarray | None
    bent: Bent


def there_and_back(
    layers: Sequence[Layer],
    features: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    total: int,
) -> Chunk:
    """Forward and backward for some of `total` samples; features as of `maps.first_features`."""
    seen, loss = there(layers, features, labels, objective, total)
    correct = int(np.count_nonzero(seen[-1].bent.value.argmax(axis=0) == labels))
    return Chunk(back(seen, loss.gradient), loss, correct)


def there(
    layers: Sequence[Layer],
    features: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    total: int,
) -> tuple[list[There], LogitLoss]:
    """Forward, layer by layer, as `there_and_back`, and the loss at the end."""
    seen: list[There] = []
    for layer in layers:
        x = layer.columns(features)
        bent = ACTIVATIONS[layer.activation].rounded(layer.weight @ x, layer.width)
        kept = layer.around.kept(bent.value)
        if kept is not None:
            bent = bent.at(kept)
        seen.append(There(layer, x, features.shape, kept, bent))
        features = bent.value
    return seen, logit_loss(objective, features.astype(np.float64), labels, total)


def back(seen: Sequence[There], g: np.ndarray) -> list[Pass]:
    """Backward, from what is taken for the loss's gradient in the logits [classes, samples]."""
    passes: list[Pass] = []
    g = g.astype(seen[-1].bent.value.dtype)
    for layer, x, shape, kept, bent in reversed(seen):
        bend = None if bent.second is None else bent.second * g
        d = _spread(bent.first * g, kept, x.shape[1])
        passes.append(Pass(x, shape, kept, bent.first, bend, d))
        if layer is not seen[0].layer:
            g = layer.around.fold(layer.kernel.T @ d, shape)
    return passes[::-1]


def add_gradient(layers: Sequence[Layer], chunk: Chunk, gradient: np.ndarray) -> None:
    """Add the chunk's share of the gradient to a flat vector [P]."""
    for layer, seen in zip(layers, chunk.passes, strict=True):
        layer.stretch.add(seen.d @ seen.x.T, gradient)


def add_product(
    layers: Sequence[Layer], chunk: Chunk, direction: np.ndarray, product: np.ndarray
) -> None:
    """Add the chunk's share of the Hessian times a flat `direction` [P] to a flat vector [P]."""
    there, ra = _tangents(layers, chunk, direction)
    rg = chunk.loss.curve(ra).astype(direction.dtype, copy=False)
    for layer, seen, v, rx, rz in reversed(there):
        rd = seen.first * rg
        if seen.bend is not None:
            rd += seen.bend * rz
        rd = _spread(rd, seen.kept, seen.x.shape[1])
        along = rd @ seen.x.T
        if rx is not None:
            along[:, : layer.stretch.inputs] += seen.d @ rx.T
            back = layer.kernel.T @ rd
            back += v[:, : layer.stretch.inputs].T @ seen.d
            rg = layer.around.fold(back, seen.shape)
        layer.stretch.add(along, product)


class _Tangent(NamedTuple):
    """The way there along a direction; `rx` is None at the inputs, which stay where they are."""

    layer: Layer
    seen: Pass
    v: np.ndarray
    rx: np.ndarray | None
    rz: np.ndarray


def _tangents(
    layers: Sequence[Layer], chunk: Chunk, direction: np.ndarray
) -> tuple[list[_Tangent], np.ndarray]:
    """The tangents of every layer, and those of the logits."""
    there: list[_Tangent] = []
    ra = None
    for layer, seen in zip(layers, chunk.passes, strict=True):
        v = layer.stretch.matrix(direction)
        rx = None if ra is None else layer.around.unfold(ra)
        rz = v @ seen.x
        if rx is not None:
            rz += layer.kernel @ rx
        if seen.kept is not None:
            rz = rz.take(seen.kept)
        ra = seen.first * rz
        there.append(_Tangent(layer, seen, v, rx, rz))
    assert ra is not None
    return there, ra


def _spread(kept_values: np.ndarray, kept: np.ndarray | None, columns: int) -> np.ndarray:
    """Values where pooling kept them, zeros elsewhere, [outputs, columns]."""
    if kept is None:
        return kept_values
    everywhere = np.zeros((len(kept_values), columns), kept_values.dtype)
    everywhere.ravel()[kept] = kept_values
    return everywhere
