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

from emc.curvature.chunks import ChunkSize
from emc.curvature.examination import NetExamination
from emc.curvature.functional import DifferentiatedNet, TensorDict, differentiable
from emc.curvature.growth import growing
from emc.curvature.objective import Objective
from emc.curvature.operator import NOT_SYMMETRIC, SYMMETRIC, FirstOrder, check_finite
from emc.curvature.parameters import check_labels, flatten
from emc.curvature.process import Products
from emc.curvature.row_losses import Rows, shares
from emc.errors import EmcError

FEW: Final = 1_000_000
"""Columns of the whole Hessian times samples that are made whatever else would be cheaper."""
BLOCK: Final = 64
"""Columns of the whole Hessian that are made together, or as many as a chunk of all samples has."""


class AutogradOperator:
    """The objective of a module at a state, over `inputs` [n, *shape] and `labels` [n].

    Its parameters are the trainable ones of the module. `state` gives all of these by name, and
    may give buffers and frozen parameters, which otherwise are as the module has them. The module
    is copied; logits are computed in `precision` on `device`, their loss in float64.

    It is called in evaluation mode, or in `training` mode with all samples as one batch. `whole`
    says that rows cannot be summed up chunk by chunk: logits depend on the other rows of a call
    (batch normalisation without running statistics), or a user's loss sees all of them.
    `few` are some different inputs, as the net takes them.
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
        training: bool = False,
    ) -> None:
        """Copy the module, take the data to the device and try the net on a few rows.

        Raises:
            EmcError: a net that cannot be examined, a state that does not belong to it or is not
                finite, inputs that it cannot take, or labels that are not classes of it.
        """
        self.objective = objective
        self.samples = len(labels)
        self.net = DifferentiatedNet(module, objective, precision, device, training=training)
        self.net.check(state)
        self.parameters = flatten(self.net.shapes, state)
        self.constants = self.net.constants(state)
        examined = NetExamination(self.net, self.parameters, self.constants, inputs)
        check_labels(labels, examined.classes)
        classes = torch.tensor(np.ascontiguousarray(labels), device=device)
        self.rows = Rows(
            examined.taken(inputs), classes, shares(objective, classes, examined.classes)
        )
        examined.differentiate()
        self.whole = examined.mixes or callable(objective.loss)
        self.few = examined.rows
        self.chunk = ChunkSize(device)
        self._module, self._state = module, state

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        other = copy(self)
        other.parameters = parameters
        return other

    @property
    def kinks(self) -> None:
        """None: of any module, nothing is known."""

    def single(self) -> None:
        """None: float32 is asked for when the operator is made."""

    def quasi_newton(self, history: int) -> None:
        """None: its steps are not compiled."""

    def scales(self) -> None:
        """None: kinks that nobody knows are not rounded off."""

    def rounded(self, widths: np.ndarray) -> None:
        """None: kinks that nobody knows are not rounded off."""

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point.

        Raises:
            EmcError: torch cannot differentiate the net or its loss.
        """
        return self.chunk.fitted(self._first_order)

    def _first_order(self) -> FirstOrder:
        decay = self.objective.weight_decay
        gradient = self.net.summed(decay * self.parameters)
        loss = self.net.summed(np.array(decay / 2 * float(self.parameters @ self.parameters)))
        correct = self.net.summed(np.array(0))
        point = self.net.named(self.parameters)
        with differentiable(self.net):
            for rows in _chunks(self.rows, self._rows_at_once(vectors=1)):
                logits = self.net.logits(point, self.constants, rows.inputs).detach()
                correct += (logits.argmax(-1) == rows.labels).sum()
                parts, value = grad_and_value(self.net.loss)(point, self.constants, rows)
                gradient += self.net.flat(parts, lead=0)
                loss += value.detach()
        return FirstOrder(float(loss), gradient.numpy(force=True), int(correct) / self.samples)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""
        return self.chunk.fitted(lambda: self._products_in_groups(vectors))

    def _products_in_groups(self, vectors: np.ndarray) -> np.ndarray:
        size = self._vectors_at_once()
        groups = [vectors[start : start + size] for start in range(0, len(vectors), size)]
        return np.concatenate([self._products(group) for group in groups])

    def _products(self, vectors: np.ndarray) -> np.ndarray:
        """Products made together; vmap would slow down the convolutions of a single one."""
        alone = len(vectors) == 1
        product = (
            self.net.product
            if alone
            else vmap(self.net.product, (None, 0, None, None), randomness="different")
        )
        point = self.net.named(self.parameters)
        directions = self.net.named(vectors[0] if alone else vectors)
        products = self.net.summed(self.objective.weight_decay * vectors)
        with differentiable(self.net):
            for rows in _chunks(self.rows, self._rows_at_once(len(vectors))):
                parts = product(point, directions, self.constants, rows)
                products += self.net.flat(parts, lead=0 if alone else 1)
        return products.numpy(force=True)

    def _rows_at_once(self, vectors: int) -> int:
        return self.samples if self.whole else max(1, self.chunk.size // vectors)

    def _vectors_at_once(self) -> int:
        """As many as `_rows_at_once` takes; one where operations may not have a batched form."""
        if self.net.twice_backwards:
            return 1
        return self._columns_at_once() if self.whole else self.chunk.size

    def _columns_at_once(self) -> int:
        """Vectors of which a chunk holds the products over all samples, one at least."""
        return max(1, self.chunk.size // self.samples)

    def growing(self) -> str | None:
        """Weights in proportion to which the logits grow, in words, if any are seen."""

        with differentiable(self.net):
            return growing(self.net.module, self.net.named(self.parameters), self._logits)

    def few_logits(self) -> Tensor:
        """Logits of the `few` at the point, float64 [rows, classes]."""
        with differentiable(self.net):
            return self._logits(self.net.named(self.parameters))

    def _logits(self, parameters: TensorDict) -> Tensor:
        return self.net.logits(parameters, self.constants, self.few)

    def in_training(self, part: slice) -> "AutogradOperator":
        """The objective of some of the samples as one batch in training mode.

        Raises:
            EmcError: the net cannot be examined in training mode.
        """
        return AutogradOperator(
            self._module,
            self._state,
            self.rows.inputs[part].numpy(force=True),
            self.rows.labels[part].numpy(force=True),
            self.objective,
            precision=self.net.precision,
            device=self.net.device,
            training=True,
        )

    def dense_within(self, products: int) -> bool:
        """Whether `products` products would give all columns, or few samples make these cheap."""
        columns = len(self.parameters)
        return columns <= products or columns * self.samples <= FEW

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P].

        Raises:
            EmcError: it is not symmetric or not finite.
        """
        size = max(BLOCK, self._columns_at_once())
        blocks = np.array_split(np.eye(len(self.parameters)), -(-len(self.parameters) // size))
        hessian = np.concatenate([self.products(block) for block in blocks])
        check_finite(hessian)
        if abs(hessian - hessian.T).max() > SYMMETRIC * abs(hessian).max():
            raise EmcError(NOT_SYMMETRIC)
        return hessian


def products_of(operators: Sequence[AutogradOperator]) -> Products:
    """Products of several end points of one module, in one call where these can share one.

    They cannot where rows depend on each other, for a stack pads the smaller data sets, or where
    an operation may have no batched form.
    """
    if len(operators) > 1 and not any(one.whole or one.net.twice_backwards for one in operators):
        return AutogradStack(operators).products

    def one_by_one(indices: Sequence[int], vectors: np.ndarray) -> np.ndarray:
        each = zip(indices, vectors, strict=True)
        return np.concatenate([operators[i].products(vector[None]) for i, vector in each])

    return one_by_one


class AutogradStack:
    """Several end points of one module that sums up rows, whose products are made in one call.

    Batching pays where one product is too small to keep the device busy: on a GPU, and for nets
    of many small operations on a CPU.
    """

    def __init__(self, operators: Sequence[AutogradOperator]) -> None:
        """Take end points of one module, with any numbers of samples."""
        self._net, self._chunk = operators[0].net, operators[0].chunk
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
        return self._chunk.fitted(lambda: self._products(indices, vectors))

    def _products(self, indices: Sequence[int], vectors: np.ndarray) -> np.ndarray:
        which = torch.tensor(indices, device=self._net.device)
        points, constants = _select(self._points, which), _select(self._constants, which)
        directions = self._net.named(vectors)
        products = self._net.summed(self._decay[list(indices)] * vectors)
        together = vmap(self._net.product, randomness="different")
        chosen = Rows(*(part[which] for part in self._rows))
        with differentiable(self._net):
            for rows in _chunks(chosen, max(1, self._chunk.size // len(indices)), axis=1):
                parts = together(points, directions, constants, rows)
                products += self._net.flat(parts, lead=1)
        return products.numpy(force=True)


def _select(state: TensorDict, which: Tensor) -> TensorDict:
    return {name: value[which] for name, value in state.items()}


def _padded(rows: Rows, length: int) -> Rows:
    """Rows whose last is repeated without a share: zeros may be no inputs of the net."""
    shares = torch.cat([rows.shares, rows.shares.new_zeros(length - len(rows.shares))])
    place = torch.arange(length, device=shares.device).clamp(max=len(rows.shares) - 1)
    return Rows(rows.inputs[place], rows.labels[place], shares)


def _chunks(rows: Rows, size: int, axis: int = 0) -> Iterator[Rows]:
    pieces = [torch.split(part, size, dim=axis) for part in rows]
    return (Rows(*piece) for piece in zip(*pieces, strict=True))
