"""One layer of a plan at a point, and its stretch of the flat parameter vector."""

from dataclasses import dataclass, replace

import numpy as np

from emc.curvature.maps import LayerMap, layer_map
from emc.nets.plan import Conv, Dense, Plan


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A layer whose `weight` is [outputs, inputs of one unit], with the bias as last column."""

    activation: str
    around: LayerMap
    start: int
    outputs: int
    inputs: int
    bias: bool
    weight: np.ndarray

    @property
    def kernel(self) -> np.ndarray:
        """The weight without the bias."""
        return self.weight[:, : self.inputs]

    @property
    def bias_start(self) -> int:
        """Where the bias begins in the flat vector, after the weights."""
        return self.start + self.outputs * self.inputs

    @property
    def stop(self) -> int:
        """Where the next layer begins in the flat vector."""
        return self.bias_start + self.outputs * self.bias

    def columns(self, features: np.ndarray) -> np.ndarray:
        """The columns that `weight` multiplies, with a one in each for the bias."""
        x = self.around.unfold(features)
        if not self.bias:
            return x
        return np.concatenate([x, np.ones((1, x.shape[1]), x.dtype)])

    def matrix(self, vector: np.ndarray) -> np.ndarray:
        """This layer's part of a flat vector, laid out as `weight`."""
        weights = vector[self.start : self.bias_start].reshape(self.outputs, self.inputs)
        if not self.bias:
            return weights
        return np.column_stack([weights, vector[self.bias_start : self.stop]])

    def add(self, matrix: np.ndarray, vector: np.ndarray) -> None:
        """Add a matrix laid out as `weight` to this layer's part of a flat vector."""
        vector[self.start : self.bias_start] += matrix[:, : self.inputs].ravel()
        vector[self.bias_start : self.stop] += matrix[:, self.inputs :].ravel()


def layers_at(plan: Plan, parameters: np.ndarray) -> list[Layer]:
    """The layers of a plan at flat `parameters` [P]."""
    layers: list[Layer] = []
    for each in plan:
        layers.append(_layer(each, layers[-1].stop if layers else 0, parameters))
    return layers


def _layer(plan: Dense | Conv, start: int, parameters: np.ndarray) -> Layer:
    unset = Layer(
        activation=plan.activation,
        around=layer_map(plan),
        start=start,
        outputs=plan.outputs,
        inputs=plan.fan_in,
        bias=plan.bias,
        weight=np.empty(0),
    )
    return replace(unset, weight=unset.matrix(parameters))
