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

    Parameters are named "0", "1", ... in the graph's order and are zero until they are loaded; so
    are running statistics, where there are batch norms: one buffer has all in the graph's order.
    """

    statistics: Tensor

    def __init__(self, computation: graph.Graph) -> None:
        """Take the graph."""
        super().__init__()
        self._graph = computation
        shapes = computation.parameters.values()
        for number, shape in enumerate(shapes):
            self.register_parameter(str(number), nn.Parameter(torch.zeros(shape)))
        self._batches = 0
        if computation.batch_norms:
            kept = sum(map(prod, computation.statistics.values()))
            self.register_buffer("statistics", torch.zeros(kept))

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes]."""
        self._batches += self.training
        calculation = _Calculation(
            x.reshape(len(x), -1),
            torch.cat([p.flatten() for p in self.parameters()]),
            self.statistics if self._graph.batch_norms else None,
            self._batches if self.training else None,
        )
        for step in self._graph.steps:
            calculation.add(step)
        return calculation.at(self._graph.logits)


class _Calculation:
    """The numbers at all places, [batch, places], parameters [P] and any running statistics [S].

    In training they are of the batch of number `batch`, from 1 on; that is None in evaluation.
    """

    def __init__(
        self, inputs: Tensor, parameters: Tensor, statistics: Tensor | None, batch: int | None
    ) -> None:
        self._numbers = inputs
        self._parameters = parameters
        self._statistics = statistics
        self._batch = batch

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
    def _(self, step: graph.BatchNormalised) -> Tensor:
        mean, variance = self._running(step)
        gains, shifts = (
            self.at(each)[0] if each.size else None for each in (step.gains, step.shifts)
        )
        return functional.batch_norm(
            self.at(step.inputs),
            mean,
            variance,
            gains,
            shifts,
            training=self._batch is not None or mean is None,
            momentum=1 / (self._batch or 1) if step.momentum is None else step.momentum,
            eps=step.epsilon,
        )

    def _running(self, step: graph.BatchNormalised) -> tuple[Tensor | None, Tensor | None]:
        """The running means and variances of the channels."""
        if step.statistics < 0 or self._statistics is None:
            return None, None
        both = self._statistics[step.statistics :][: 2 * len(step.inputs)].view(2, -1)
        return both[0], both[1]

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
