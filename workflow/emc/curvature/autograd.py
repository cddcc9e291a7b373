"""The objective of any torch module, by automatic differentiation, forward over reverse.

Gradients and products are sums over chunks of samples, so that memory does not grow with their
number. The derivative of a ReLU net ignores the kinks.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Final, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import grad_and_value, vmap

from emc.curvature.functional import Net, Rows, State, differentiable
from emc.curvature.objective import Objective
from emc.curvature.operator import NOT_SYMMETRIC, SYMMETRIC, FirstOrder, check_finite
from emc.curvature.parameters import check_labels, flatten
from emc.errors import EmcError

CHUNK: Final = 512
"""Samples times vectors that are treated together."""
FEW: Final = 1_000_000
"""Columns of the whole Hessian times samples that are made whatever else would be cheaper."""
BLOCK: Final = 64
"""Columns of the whole Hessian that are made together."""


class AutogradOperator:
    """The objective of a module at a state, over `inputs` [n, *shape] and `labels` [n].

    Its parameters are the trainable ones of the module. `state` gives all of these by name, and
    may give buffers and frozen parameters, which otherwise are as the module has them. The module
    is copied, and evaluated as in evaluation mode; logits are computed in `precision` on
    `device`, their loss in float64.
    """

    def __init__(
        self,
        module: nn.Module,
        state: Mapping[str, np.ndarray],
        inputs: np.ndarray,
        labels: np.ndarray,
        objective: Objective,
        *,
        precision: str = "float64",
        device: str = "cpu",
    ) -> None:
        """Copy the module and take the data to the device.

        Raises:
            EmcError: a state that does not belong to the module or is not finite.
        """
        self.objective = objective
        self.samples = len(labels)
        self.net = Net(module, objective, precision, device)
        self.net.check(state)
        self.parameters = flatten(self.net.shapes, state)
        self.constants = self.net.constants(state)
        self.rows = Rows(
            torch.tensor(np.ascontiguousarray(inputs), device=device),
            torch.tensor(np.ascontiguousarray(labels), device=device),
            torch.full(
                (self.samples,), 1 / max(self.samples, 1), dtype=torch.double, device=device
            ),
        )

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        other = copy(self)
        other.parameters = parameters
        return other

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point.

        Raises:
            EmcError: the labels are not classes of the net, or torch cannot differentiate it.
        """
        check_labels(self.rows.labels.numpy(force=True), self._classes())
        decay = self.objective.weight_decay
        gradient = decay * self.parameters
        loss = decay / 2 * float(self.parameters @ self.parameters)
        correct = 0
        point = self.net.named(self.parameters)
        with differentiable():
            for rows in _chunks(self.rows, CHUNK):
                logits = self.net.logits(point, self.constants, rows.inputs)
                correct += int((logits.argmax(-1) == rows.labels).sum())
                parts, value = grad_and_value(self.net.loss)(point, self.constants, rows)
                gradient += self.net.flat(parts, lead=0).numpy(force=True)
                loss += float(value)
        return FirstOrder(loss, gradient, correct / self.samples)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""
        if len(vectors) == 1:
            return self._product(vectors[0])[None]
        products = self.objective.weight_decay * vectors
        point, directions = self.net.named(self.parameters), self.net.named(vectors)
        several = vmap(self.net.product, (None, 0, None, None), randomness="different")
        with differentiable():
            for rows in _chunks(self.rows, max(1, CHUNK // len(vectors))):
                parts = several(point, directions, self.constants, rows)
                products += self.net.flat(parts, lead=1).numpy(force=True)
        return products

    def _product(self, vector: np.ndarray) -> np.ndarray:
        """Hessian times one vector; vmap would slow down its convolutions."""
        product: np.ndarray = self.objective.weight_decay * vector
        point, direction = self.net.named(self.parameters), self.net.named(vector)
        with differentiable():
            for rows in _chunks(self.rows, CHUNK):
                parts = self.net.product(point, direction, self.constants, rows)
                product += self.net.flat(parts, lead=0).numpy(force=True)
        return product

    def dense_within(self, products: int) -> bool:
        """Whether so many products would give all columns, or few samples make these cheap."""
        columns = len(self.parameters)
        return columns <= products or columns * self.samples <= FEW

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P].

        Raises:
            EmcError: it is not symmetric or not finite.
        """
        blocks = np.array_split(np.eye(len(self.parameters)), -(-len(self.parameters) // BLOCK))
        hessian = np.concatenate([self.products(block) for block in blocks])
        check_finite(hessian)
        if abs(hessian - hessian.T).max() > SYMMETRIC * abs(hessian).max():
            raise EmcError(NOT_SYMMETRIC)
        return hessian

    def _classes(self) -> int:
        point = self.net.named(self.parameters)
        return self.net.logits(point, self.constants, self.rows.inputs[:1]).shape[-1]


class AutogradStack:
    """Several end points of one module, whose products are made in one call.

    Batching pays where one product is too small to keep the device busy: on a GPU, and for nets
    of many small operations on a CPU.
    """

    def __init__(self, operators: Sequence[AutogradOperator]) -> None:
        """Take end points of one module, with any numbers of samples."""
        self._net = operators[0].net
        self._points = self._net.named(np.stack([each.parameters for each in operators]))
        self._constants = {
            name: torch.stack([each.constants[name] for each in operators])
            for name in operators[0].constants
        }
        self._decay = np.array([[each.objective.weight_decay] for each in operators])
        longest = max(each.samples for each in operators)
        padded = [_padded(each.rows, longest) for each in operators]
        self._rows = Rows(*(torch.stack(parts) for parts in zip(*padded, strict=True)))

    def products(self, indices: Sequence[int], vectors: np.ndarray) -> np.ndarray:
        """Row i times the Hessian of end point `indices[i]`: float64 [m, P] to float64 [m, P]."""
        which = torch.tensor(indices, device=self._net.device)
        points, constants = _select(self._points, which), _select(self._constants, which)
        directions = self._net.named(vectors)
        products: np.ndarray = self._decay[list(indices)] * vectors
        together = vmap(self._net.product, randomness="different")
        chosen = Rows(*(part[which] for part in self._rows))
        with differentiable():
            for rows in _chunks(chosen, max(1, CHUNK // len(indices)), axis=1):
                parts = together(points, directions, constants, rows)
                products += self._net.flat(parts, lead=1).numpy(force=True)
        return products


def _select(state: State, which: Tensor) -> State:
    return {name: value[which] for name, value in state.items()}


def _padded(rows: Rows, length: int) -> Rows:
    """Rows whose last is repeated without a share: zeros may be no inputs of the net."""
    shares = torch.cat([rows.shares, rows.shares.new_zeros(length - len(rows.shares))])
    place = torch.arange(length, device=shares.device).clamp(max=len(rows.shares) - 1)
    return Rows(rows.inputs[place], rows.labels[place], shares)


def _chunks(rows: Rows, size: int, axis: int = 0) -> Iterator[Rows]:
    pieces = [torch.split(part, size, dim=axis) for part in rows]
    return (Rows(*piece) for piece in zip(*pieces, strict=True))
