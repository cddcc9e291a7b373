"""An objective's value, gradient and Hessian products in compiled kernels."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from itertools import pairwise
from math import prod
from typing import Final, Self, TypeVar

import numpy as np

from emc.activations import ACTIVATIONS
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.quasi_newton import QuasiNewton
from emc.curvature.written.operator import WrittenOperator
from emc.errors import EmcError
from emc.native.activation import activation_refusal
from emc.native.descent import Descended, DescentEnd, DescentLimits, NativeDescent
from emc.native.objective import NativeObjective
from emc.native.preconditioner import LayerInverse
from emc.nets.graph import Activated, Graph, GraphStep
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.traced_module import KnownNet
from emc.nets.transformer import Transformer

FRESH: Final = 500
"""Steps after which their preconditioner is made anew, where the descent stands then."""
LARGEST: Final = 1 << 31
"""Bytes of samples that a kernel takes: it holds them all."""

Share = TypeVar("Share")


class NativeOperator:
    """The objective of layers or a vision transformer at the point of another operator of it.

    Inputs [n, *shape] and labels [n] are those of that operator, which answers what the kernels do
    not. Arithmetic runs in `precision` (float64 or float32); sums and answers are float64. Samples
    are read once, so that another point costs nothing but its evaluation. Evaluations share out
    the samples between `threads`; the same number of threads gives the same bits.
    """

    def __init__(
        self,
        net: KnownNet,
        known: Operator,
        inputs: np.ndarray,
        labels: np.ndarray,
        *,
        precision: str = "float64",
        threads: int = 1,
    ) -> None:
        """Read the samples.

        Raises:
            EmcError: a net or a loss that the kernels do not know.
            UnavailableError: the kernel cannot be built.
        """
        if reason := refusal(net, inputs.shape, precision):
            raise EmcError(f"the native kernels cannot evaluate this net: {reason}")
        self.objective, self.samples = known.objective, known.samples
        self.parameters = known.parameters
        self.kinks = known.kinks
        self._widths: np.ndarray | None = None
        self._known = known
        self._net = net
        self._precision, self._threads = precision, threads
        # Copies at other points share it: it is made at most once.
        self._twin = cache(
            lambda: NativeOperator(net, known, inputs, labels, precision="float32", threads=threads)
        )
        self._native = NativeObjective(
            net,
            inputs,
            labels,
            loss=self.objective.named_loss,
            label_smoothing=self.objective.label_smoothing,
            weight_decay=self.objective.weight_decay,
            precision=precision,
        )

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        other = object.__new__(type(self))
        vars(other).update(vars(self))
        other.parameters = np.ascontiguousarray(parameters, dtype=np.float64)
        if other.parameters.shape != self.parameters.shape:
            raise EmcError(
                f"point: expected {self.parameters.size} parameters, found the shape"
                f" {other.parameters.shape}"
            )
        return other

    def scales(self) -> np.ndarray | None:
        """The mean |z| of each layer, step of a graph or block of a transformer with kinks.

        0 for those without; None where there are no kinks at all.
        """
        if self.kinks is not None:
            return self.kinks.scales(self.parameters) if self.kinks.any else None
        assert isinstance(self._net, Graph | Transformer)
        counts = _kinks_per_sample(self._net)
        if not counts.any():
            return None
        sums = self._native.sizes(self.parameters, len(counts))
        means: np.ndarray = np.where(counts > 0, sums / np.maximum(counts, 1), 0.0)
        return means

    def rounded(self, widths: np.ndarray) -> Self | None:
        """The objective at the point with kinks rounded off over `widths`, as many as `scales`.

        See `emc.activations.Activation.rounded`; those over a width of zero stay, and so do maxima
        of a graph.
        """
        other = self.at(self.parameters)
        other._widths = np.ascontiguousarray(widths, dtype=np.float64)
        return other

    def single(self) -> "NativeOperator | None":
        """The same at the point in float32; None where the arithmetic is that already."""
        if self._precision == "float32":
            return None
        other = self._twin().at(self.parameters)
        other._widths = self._widths
        return other

    def quasi_newton(self, history: int) -> QuasiNewton | None:
        """Compiled steps that remember the last `history` ones; None for several threads."""
        return None if self._threads > 1 else _Steps(self, history)

    def preconditioner(self) -> list[LayerInverse]:
        """About the inverse of the Hessian of layers at the point; nothing of other nets."""
        known = self._known.at(self.parameters)
        return known.preconditioner() if isinstance(known, WrittenOperator) else []

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point."""
        native, here = self._native, (self.parameters, self._widths)
        if self._threads == 1:
            loss, gradient, correct = native.first_order(*here)
            return FirstOrder(loss, gradient, correct / self.samples)
        parts = self._shares(lambda one: native.first_order(*here, one, self._threads))
        losses, gradients, rights = zip(*parts, strict=True)
        return FirstOrder(sum(losses), np.sum(gradients, axis=0), sum(rights) / self.samples)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""
        native, parameters, widths = self._native, self.parameters, self._widths
        rows = np.ascontiguousarray(vectors, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != parameters.size:
            raise EmcError(
                f"vectors: expected rows of {parameters.size} numbers, found the shape {rows.shape}"
            )
        if self._threads == 1:
            return native.products(parameters, rows, widths)
        parts = self._shares(
            lambda one: native.products(parameters, rows, widths, one, self._threads)
        )
        products: np.ndarray = np.sum(parts, axis=0)
        return products

    def growing(self) -> str | None:
        """Weights in proportion to which the logits of all samples grow, in words."""
        return self._known.at(self.parameters).growing()

    def dense_within(self, products: int) -> bool:
        """Whether the whole Hessian costs no more than `products` products, or very little."""
        return self._known.dense_within(products)

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P]."""
        if isinstance(self._known, WrittenOperator):
            return self._known.at(self.parameters).dense_by(self.products)
        products = self.products(np.eye(self.parameters.size))
        symmetric: np.ndarray = (products + products.T) / 2
        return symmetric

    def _shares(self, share: Callable[[int], Share]) -> list[Share]:
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(share, range(self._threads)))


class _Steps:
    """Compiled steps down an operator's objective, with its kinks rounded off as they are there."""

    def __init__(self, operator: NativeOperator, history: int) -> None:
        self._operator, self._history = operator, history

    @cached_property
    def _descent(self) -> NativeDescent:
        size = self._operator.parameters.size
        return NativeDescent(self._operator._native, size, self._history)

    def go_on(self, parameters: np.ndarray, limits: DescentLimits) -> Descended:
        """See `QuasiNewton.go_on`."""
        steps = evaluations = 0
        while True:
            left = limits.steps - steps, limits.evaluations - evaluations
            came = self._go_on(
                parameters, limits._replace(steps=min(left[0], FRESH), evaluations=left[1])
            )
            parameters = came.parameters
            steps, evaluations = steps + came.steps, evaluations + came.evaluations
            spent = steps == limits.steps or evaluations >= limits.evaluations
            if came.stop is not DescentEnd.LIMIT or spent:
                return Descended(parameters, came.stop, steps, evaluations)

    def _go_on(self, parameters: np.ndarray, limits: DescentLimits) -> Descended:
        """Take steps with the preconditioner of the point where they begin."""
        here = self._operator.at(parameters)
        return self._descent.go_on(parameters, here._widths, here.preconditioner(), limits)


def _kinks_per_sample(net: Graph | Transformer) -> np.ndarray:
    """How many activations with a kink each step, or block, has."""
    if isinstance(net, Transformer):
        kinked = ACTIVATIONS[net.activation].jump != 0
        return np.full(net.depth, kinked * 4 * net.width * net.tokens)
    return np.array([_with_kinks(step) for step in net.steps])


def _with_kinks(step: GraphStep) -> int:
    kinked = isinstance(step, Activated) and ACTIVATIONS[step.activation].jump != 0
    return step.size if kinked else 0


def refusal(net: KnownNet, shape: tuple[int, ...], precision: str) -> str | None:
    """Why the kernels cannot evaluate a net on inputs of `shape` [n, *shape], or None."""
    reason = _of_net(net, shape)
    size = np.dtype(precision).itemsize * prod(shape)
    if reason is None and size > LARGEST:
        return f"the samples take {size:,} bytes, more than {LARGEST:,}"
    return reason


def _of_net(net: KnownNet, shape: tuple[int, ...]) -> str | None:
    if isinstance(net, Graph):
        if net.batch_norms:
            return "they do not know batch norms, but to train them"
        fits = shape[1:] == net.shape
        return None if fits else f"inputs of shape {shape[1:]} do not fit {net}"
    return _of_transformer(net, shape) if isinstance(net, Transformer) else _of_layers(net, shape)


def _of_transformer(net: Transformer, shape: tuple[int, ...]) -> str | None:
    if net.side % net.patch or net.width % net.heads:
        return f"{net} does not divide evenly"
    if shape[1:] != (net.colours, net.side, net.side):
        return f"inputs of shape {shape[1:]} do not fit {net}"
    return activation_refusal(net.activation)


def _of_layers(net: Layers, shape: tuple[int, ...]) -> str | None:
    if not net or not isinstance(net[-1], Dense) or net[-1].activation != "identity":
        return "the last layer is not dense without an activation"
    for layer in net:
        if reason := activation_refusal(layer.activation):
            return reason
    for before, after in pairwise(net):
        if not _follows(before, after):
            return f"{after} cannot follow {before}"
    first = net[0]
    if isinstance(first, Conv):
        fits = shape[1:] == (first.inputs, first.height, first.width)
    else:
        fits = prod(shape[1:]) == first.inputs
    return None if fits else f"inputs of shape {shape[1:]} do not fit {first}"


def _follows(before: Dense | Conv, after: Dense | Conv) -> bool:
    if isinstance(before, Dense):
        return isinstance(after, Dense) and after.inputs == before.outputs
    if isinstance(after, Dense):
        return after.inputs == prod(before.output_shape) > 0
    return (after.inputs, after.height, after.width) == before.output_shape
