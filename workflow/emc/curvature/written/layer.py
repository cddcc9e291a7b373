"""One layer at a point, and its stretch of the flat parameter vector."""

from dataclasses import dataclass

import numpy as np

from emc.curvature.written.maps import LayerMap, layer_map
from emc.nets.layers import Layers


@dataclass(frozen=True, slots=True)
class Stretch:
    """Where a layer's parameters lie in the flat vector: its weights, row by row, then its bias.

    As a matrix they are [outputs, inputs of one unit], with the bias as last column.
    """

    start: int
    outputs: int
    inputs: int
    bias: bool

    @property
    def middle(self) -> int:
        """Where the bias begins."""
        return self.start + self.outputs * self.inputs

    @property
    def stop(self) -> int:
        """Where the next layer begins."""
        return self.middle + self.outputs * self.bias

    def matrix(self, vector: np.ndarray) -> np.ndarray:
        """This layer's part of a flat vector as a matrix."""
        weights = vector[self.start : self.middle].reshape(self.outputs, self.inputs)
        if not self.bias:
            return weights
        return np.column_stack([weights, vector[self.middle : self.stop]])

    def add(self, matrix: np.ndarray, vector: np.ndarray) -> None:
        """Add a matrix to this layer's part of a flat vector."""
        vector[self.start : self.middle] += matrix[:, : self.inputs].ravel()
        vector[self.middle : self.stop] += matrix[:, self.inputs :].ravel()


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer whose `weight` is the matrix of its stretch at the point.

    The kink of its activation is rounded off over `width`.
    """

    activation: str
    around: LayerMap
    stretch: Stretch
    weight: np.ndarray
    width: float

    @property
    def kernel(self) -> np.ndarray:
        """The weight without the bias."""
        return self.weight[:, : self.stretch.inputs]

    def columns(self, features: np.ndarray) -> np.ndarray:
        """The columns that `weight` multiplies, with a one in each for the bias."""
        x = self.around.unfold(features)
        if not self.stretch.bias:
            return x
        return np.concatenate([x, np.ones((1, x.shape[1]), x.dtype)])


def layers_at(net: Layers, parameters: np.ndarray, widths: np.ndarray | None = None) -> list[Layer]:
    """The `net` at flat `parameters` [P], its kinks rounded off over `widths` [layers] if given."""
    layers: list[Layer] = []
    start = 0
    for each, width in zip(net, np.zeros(len(net)) if widths is None else widths, strict=True):
        stretch = Stretch(start, each.outputs, each.fan_in, each.bias)
        weight = stretch.matrix(parameters)
        layers.append(Layer(each.activation, layer_map(each), stretch, weight, float(width)))
        start = stretch.stop
    return layers
