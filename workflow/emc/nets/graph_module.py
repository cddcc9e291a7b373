"""A graph as a torch module."""

from functools import singledispatchmethod
from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from emc.nets import graph
from emc.nets.activation import FUNCTIONS


class GraphModule(nn.Module):
    """The net of a graph: from inputs [batch, *shape] to logits [batch, classes].

    Parameters are named "0", "1", ... in the graph's order and are zero until they are loaded.
    """

    def __init__(self, computation: graph.Graph) -> None:
        """Take the graph."""
        super().__init__()
        self._graph = computation
        shapes = computation.parameters.values()
        for number, shape in enumerate(shapes):
            self.register_parameter(str(number), nn.Parameter(torch.zeros(shape)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        calculation = _Calculation(
            x.flatten(1), torch.cat([p.flatten() for p in self.parameters()])
        )
        for step in self._graph.steps:
            calculation.add(step)
        return calculation.at(self._graph.logits)


class _Calculation:
    """The numbers at all places, [batch, places], and parameters [P]."""

    def __init__(self, inputs: Tensor, parameters: Tensor) -> None:
        self._numbers = inputs
        self._parameters = parameters

    def at(self, places: np.ndarray) -> Tensor:
        """The numbers at places, [batch, *places.shape]."""
        below = torch.cat([self._parameters.flip(0), self._parameters.new_zeros(1)])
        all_numbers = torch.cat([below.expand(len(self._numbers), -1), self._numbers], 1)
        index = torch.from_numpy(places.ravel() + len(below)).to(all_numbers.device)
        return all_numbers[:, index].reshape(-1, *places.shape)

    def add(self, step: graph.GraphStep) -> None:
        """Append what a step makes."""
        self._numbers = torch.cat([self._numbers, self._made(step).flatten(1)], 1)

    def _parameter(self, first: int, *shape: int) -> Tensor:
        start = graph.of_parameter(first)
        return self._parameters[start : start + prod(shape)].reshape(shape)

    @singledispatchmethod
    def _made(self, step: graph.GraphStep) -> Tensor:
        raise AssertionError(f"no arithmetic for {step}")

    @_made.register
    def _(self, step: graph.Taken) -> Tensor:
        return self.at(step.inputs)

    @_made.register
    def _(self, step: graph.Affine) -> Tensor:
        weight = self._parameter(step.weight, step.outputs, step.inputs.shape[1])
        bias = None if step.bias == graph.ZERO else self._parameter(step.bias, step.outputs)
        made = functional.linear(self.at(step.inputs), weight, bias)
        return made.transpose(1, 2) if step.channels_first else made

    @_made.register
    def _(self, step: graph.Activated) -> Tensor:
        return FUNCTIONS[step.activation](self.at(step.inputs))

    @_made.register
    def _(self, step: graph.Sum) -> Tensor:
        return self.at(step.left) + self.at(step.right)

    @_made.register
    def _(self, step: graph.Rescaled) -> Tensor:
        return step.factor * self.at(step.inputs)

    @_made.register
    def _(self, step: graph.Normalised) -> Tensor:
        x, shape = self.at(step.inputs), step.inputs.shape[1:]
        if step.centred:
            assert step.epsilon is not None
            made = functional.layer_norm(x, shape, eps=step.epsilon)
        else:
            made = functional.rms_norm(x, shape, eps=step.epsilon)
        made = made * self.at(step.gains) if step.gains.size else made
        return made + self.at(step.shifts) if step.shifts.size else made

    @_made.register
    def _(self, step: graph.Softmax) -> Tensor:
        return self.at(step.inputs).softmax(-1)

    @_made.register
    def _(self, step: graph.Product) -> Tensor:
        return self.at(step.left) @ self.at(step.right)

    @_made.register
    def _(self, step: graph.Largest) -> Tensor:
        return self.at(step.inputs).max(-1).values

    @_made.register
    def _(self, step: graph.Mean) -> Tensor:
        return self.at(step.inputs).mean(-1)
