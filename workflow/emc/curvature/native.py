"""The objective of a plan, its gradient and Hessian products in compiled kernels."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import prod
from typing import Final, Self, TypeVar

import numpy as np

from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder
from emc.curvature.parameters import check_labels, check_parameters, flatten, plan_shapes
from emc.curvature.written.operator import WrittenOperator
from emc.errors import EmcError
from emc.native.objective import ACTIVATIONS, NativeObjective
from emc.nets.plan import Conv, Dense, Plan

LARGEST: Final = 1 << 31
"""Bytes of samples that a kernel takes: it holds them all."""

Share = TypeVar("Share")


class NativeOperator:
    """The objective of a plan at `parameters`, over `inputs` [n, *shape] and `labels` [n].

    Arithmetic runs in `precision` (float64 or float32); sums and answers are float64. Samples are
    read once, so that another point costs nothing but its evaluation. Evaluations share out the
    samples between `threads`; the same number of threads gives the same bits.
    """

    def __init__(
        self,
        plan: Plan,
        parameters: Mapping[str, np.ndarray],
        inputs: np.ndarray,
        labels: np.ndarray,
        objective: Objective,
        *,
        precision: str = "float64",
        threads: int = 1,
    ) -> None:
        """Read the samples.

        Raises:
            EmcError: parameters that do not belong to the plan or are not finite, or labels that
                are not classes of it.
            UnavailableError: the kernel cannot be built.
        """
        if reason := refusal(plan, inputs.shape, precision):
            raise EmcError(f"the native kernels cannot evaluate this net: {reason}")
        check_parameters(plan_shapes(plan), parameters)
        check_labels(labels, plan[-1].outputs)
        self.objective = objective
        self.samples = len(labels)
        self.parameters = flatten(plan_shapes(plan), parameters)
        self._threads = threads
        self._native = NativeObjective(
            plan,
            inputs,
            labels,
            loss=objective.named_loss,
            label_smoothing=objective.label_smoothing,
            weight_decay=objective.weight_decay,
            precision=precision,
        )
        self._written = WrittenOperator(plan, parameters, inputs, labels, objective)
        self.kinks = self._written.kinks

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        other = object.__new__(type(self))
        other.__dict__.update(self.__dict__)
        other.parameters = np.ascontiguousarray(parameters, dtype=np.float64)
        if other.parameters.shape != self.parameters.shape:
            raise EmcError(
                f"a point of {self.parameters.size} parameters, found {other.parameters.shape}"
            )
        return other

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point."""
        native, parameters = self._native, self.parameters
        if self._threads == 1:
            loss, gradient, correct = native.first_order(parameters)
            return FirstOrder(loss, gradient, correct / self.samples)
        parts = self._shares(lambda one: native.first_order(parameters, one, self._threads))
        losses, gradients, rights = zip(*parts, strict=True)
        return FirstOrder(sum(losses), np.sum(gradients, axis=0), sum(rights) / self.samples)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""
        native, parameters = self._native, self.parameters
        rows = np.ascontiguousarray(vectors, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != parameters.size:
            raise EmcError(f"vectors of {parameters.size} parameters, found {rows.shape}")
        if self._threads == 1:
            return native.products(parameters, rows)
        parts = self._shares(lambda one: native.products(parameters, rows, one, self._threads))
        products: np.ndarray = np.sum(parts, axis=0)
        return products

    def growing(self) -> str | None:
        """Weights in proportion to which the logits grow, in words."""
        return self._written.growing()

    def dense_within(self, products: int) -> bool:
        """Whether so many products would give the columns that have no closed form."""
        return self._written.dense_within(products)

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P]."""
        return self._written.at(self.parameters).dense()

    def _shares(self, share: Callable[[int], Share]) -> list[Share]:
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(share, range(self._threads)))


def refusal(plan: Plan, shape: tuple[int, ...], precision: str) -> str | None:
    """Why the kernels cannot evaluate a plan on inputs of `shape` [n, *shape], or None."""
    if not plan or not isinstance(plan[-1], Dense) or plan[-1].activation != "identity":
        return "the last layer is not dense without an activation"
    for layer in plan:
        if layer.activation not in ACTIVATIONS:
            return f"the activation is {layer.activation!r}, not one of {', '.join(ACTIVATIONS)}"
    for before, after in pairwise(plan):
        if not _follows(before, after):
            return f"{after} cannot follow {before}"
    first = plan[0]
    if isinstance(first, Conv):
        fits = shape[1:] == (first.inputs, first.height, first.width)
    else:
        fits = prod(shape[1:]) == first.inputs
    if not fits:
        return f"inputs of shape {shape[1:]} do not fit {first}"
    size = np.dtype(precision).itemsize * prod(shape)
    return f"the samples take {size:,} bytes, more than {LARGEST:,}" if size > LARGEST else None


def _follows(before: Dense | Conv, after: Dense | Conv) -> bool:
    if isinstance(before, Dense):
        return isinstance(after, Dense) and after.inputs == before.outputs
    pooled = (before.outputs, before.height // 2, before.width // 2)
    if isinstance(after, Dense):
        return after.inputs == prod(pooled) > 0
    return (after.inputs, after.height, after.width) == pooled
