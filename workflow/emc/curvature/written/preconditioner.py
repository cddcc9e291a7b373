"""What the Hessian of a layered net is about like, for the first steps of a descent.

Among the weights of one unit, the bias included, it is taken for t A: A are the second moments of
what the layer takes in, summed over pixels, and t is the mean square of what comes back to an
output, from a root of the loss's Hessian in the logits. Between units and between layers it is
taken for zero. That is the approximation of Martens and Grosse (2015), "Optimizing neural networks
with Kronecker-factored approximate curvature", and of Grosse and Martens (2016) for convolutions,
with t I in place of the second factor. Inputs whose features depend on one another make A, and with
it the Hessian, badly conditioned.
"""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Final, NamedTuple

import numpy as np

from emc.curvature.logits import LogitLoss
from emc.curvature.objective import Objective
from emc.curvature.written.layer import Layer
from emc.curvature.written.passes import There, back, there
from emc.native.preconditioner import LayerInverse
from emc.seeds import generator

SAMPLES: Final = 1024
"""Samples that moments are taken over, about, where there are more."""
_DAMPING: Final = 1e-4
"""Added to A, relative to its trace: how much flatter than steep a direction may be."""
_SEEN: Final = 1.0
"""Eigenvalues of A that are less than this part of what is added are left out."""
_SMALLEST: Final = 1e-12
"""Of the mean squares of all layers, relative to the largest: a dead layer has none."""
_TINY: Final = 1e-100
"""The least of them at all: where the loss is flat, none is left."""


def some(samples: int) -> slice:
    """Those of so many samples that moments are taken over, evenly spread."""
    return slice(None, None, -(-samples // SAMPLES))


class InputMoments(NamedTuple):
    """The eigenvalues [k] of A that are not tiny, their eigenvectors [k, inputs], and its trace."""

    values: np.ndarray
    vectors: np.ndarray
    trace: float


def moments(x: np.ndarray, samples: int) -> InputMoments | None:
    """Those of columns [inputs, columns] that belong to so many samples; None if they overflow."""
    x = x.astype(np.float64, copy=False)
    trace = float(np.vdot(x, x)) / samples
    if not isfinite(trace):
        return None
    if x.shape[0] <= x.shape[1]:
        values, vectors = np.linalg.eigh(x @ x.T / samples)
        vectors = vectors.T
    else:
        values, sides = np.linalg.eigh(x.T @ x / samples)
        lengths = np.sqrt(np.maximum(values, np.finfo(float).tiny) * samples)
        vectors = (x @ sides / lengths).T
    large = values > _SEEN * _DAMPING * trace
    return InputMoments(values[large], vectors[large], trace)


def preconditioner(
    layers: Sequence[Layer],
    features: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    first: Callable[[], InputMoments | None],
) -> list[LayerInverse]:
    """The inverse of about the Hessian over some samples, features as of `maps.first_features`.

    `first` gives the moments of the inputs of the net, which are the same at all points. Empty
    where numbers overflow.
    """
    samples = len(labels)
    with np.errstate(over="ignore", invalid="ignore"):
        seen, loss = there(layers, features, labels, objective, samples)
        squares = _squares(seen, loss)
        spectra = [first(), *(moments(each.x, samples) for each in seen[1:])]
    known = [each for each in spectra if each is not None]
    if len(known) < len(layers) or not np.isfinite(squares).all():
        return []
    least = max(_SMALLEST * max(squares), _TINY)
    return [
        _inverse(layer, spectrum, max(square, least), objective.weight_decay)
        for layer, spectrum, square in zip(layers, known, squares, strict=True)
    ]


def _squares(seen: Sequence[There], loss: LogitLoss) -> list[float]:
    """Mean squares of what comes back to one output of each layer.

    One random sign per logit does: E[R s s' R'] = R R'.
    """
    signs = generator("preconditioner").choice([-1.0, 1.0], loss.gradient.shape)
    samples = loss.gradient.shape[1]
    passes = back(seen, loss.root(signs))
    return [float(np.mean(each.d * each.d)) * samples for each in passes]


def _inverse(layer: Layer, spectrum: InputMoments, square: float, decay: float) -> LayerInverse:
    stretch = layer.stretch
    added = _DAMPING * max(spectrum.trace, _TINY) + decay / square
    shares = spectrum.values / (spectrum.values + added)
    return LayerInverse(
        start=stretch.start,
        outputs=stretch.outputs,
        inputs=stretch.inputs,
        bias=stretch.bias,
        factor=1 / (square * added),
        directions=np.ascontiguousarray(np.sqrt(shares)[:, None] * spectrum.vectors),
    )
