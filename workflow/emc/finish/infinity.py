"""Points of a small gradient with no minimum near: flat regions, channels to infinity."""

from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Final

import numpy as np

from emc.curvature.written.layer import Layer, layers_at
from emc.finish.descent import Place, look
from emc.nets.layers import Dense, Layers

_DROP: Final = 0.05
"""A region is flat where the loss falls by more than this part of itself along the gradient."""
_LENGTHS: Final = np.geomspace(1e-6, 1, 13)
"""Steps straight down that are tried, relative to the norm of the parameters."""
_MERGED: Final = 0.99
"""Cosine of the input weights of two units that count as merging."""
_OPPOSED: Final = 0.5
"""Length of the sum of their output weights, relative to that of the difference, at most."""
_FURTHER: Final = (2.0, 4.0)
"""How much further a channel is followed."""


def steepest(place: Place, combination: np.ndarray) -> Place | None:
    """The lowest of some points straight down, at several lengths; None where none is lower."""
    norm = float(np.linalg.norm(combination))
    if norm == 0:
        return None
    scale = max(float(np.linalg.norm(place.parameters)), 1.0) / norm
    steps = (place.parameters - scale * length * combination for length in _LENGTHS)
    lowest = min((look(place.operator, step) for step in steps), key=lambda one: one.seen.loss)
    return lowest if lowest.seen.loss < place.seen.loss else None


def flat(place: Place, combination: np.ndarray) -> Place | None:
    """A point straight down where the loss is much lower; None where the slope soon ends.

    A short gradient in the kernel of the Hessian does not vanish nearby.
    """
    lowest = steepest(place, combination)
    much = place.seen.loss - _DROP * abs(place.seen.loss)
    return lowest if lowest is not None and lowest.seen.loss < much else None


def in_channel(place: Place, net: Layers) -> bool:
    """Whether two units of a dense layer merge while their output weights grow apart.

    Their sum then tends to a derivative of the activation, which no finite weights give
    (Martinelli et al. 2025, arXiv:2506.14951). The loss has to fall as that is followed.
    """
    layers = layers_at(net, place.parameters)
    for (lower, here), (upper, after) in pairwise(zip(layers, net, strict=True)):
        if not (isinstance(here, Dense) and isinstance(after, Dense)):
            continue
        for pair in _merging(lower, upper):
            losses = [place.seen.loss]
            for factor in _FURTHER:
                further = _follow(place.parameters, lower, upper, pair, factor)
                losses.append(look(place.operator, further).seen.loss)
            if all(later < earlier for earlier, later in pairwise(losses)):
                return True
    return False


def _merging(lower: Layer, upper: Layer) -> Iterator[tuple[int, int]]:
    """Pairs of units with almost equal input weights and almost opposite output weights."""
    inputs = lower.weight / np.maximum(np.linalg.norm(lower.weight, axis=1, keepdims=True), 1e-300)
    for one, other in combinations(range(len(inputs)), 2):
        if inputs[one] @ inputs[other] < _MERGED:
            continue
        total = np.linalg.norm(upper.kernel[:, one] + upper.kernel[:, other])
        if total <= _OPPOSED * np.linalg.norm(upper.kernel[:, one] - upper.kernel[:, other]):
            yield one, other


def _follow(
    parameters: np.ndarray, lower: Layer, upper: Layer, pair: tuple[int, int], factor: float
) -> np.ndarray:
    """The point where two units are that much closer, and their outputs that much further apart."""
    change = np.zeros_like(parameters)
    units = list(pair)
    for layer, matrix, scale in (
        (lower, lower.weight, 1 / factor),
        (upper, upper.weight.T, factor),
    ):
        apart = (matrix[pair[0]] - matrix[pair[1]]) / 2
        moved = np.zeros_like(matrix)
        moved[units] = np.outer([1.0, -1.0], (scale - 1) * apart)
        layer.stretch.add(moved if layer is lower else moved.T, change)
    further: np.ndarray = parameters + change
    return further
