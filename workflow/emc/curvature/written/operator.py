"""The objective of a layered net, its gradient and Hessian products written out in numpy.

One product of a small net already keeps a core busy, so vectors go one after another.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache, cached_property
from typing import Final, Self

import numpy as np

from emc.curvature.objective import Objective
from emc.curvature.operator import FirstOrder
from emc.curvature.parameters import check_labels, check_parameters, flatten
from emc.curvature.written.dense import ProductsOfOne, by_products, dense_hessian
from emc.curvature.written.kinks import LayerKinks
from emc.curvature.written.layer import layers_at
from emc.curvature.written.maps import first_features
from emc.curvature.written.passes import Chunk, add_gradient, add_product, there_and_back
from emc.curvature.written.preconditioner import moments, preconditioner, some
from emc.native.preconditioner import LayerInverse
from emc.nets.layers import Conv, Dense, Layers, layer_shapes

CHUNK_BYTES: Final = 1 << 25
"""Working memory of the samples that are treated together."""
KEPT_BYTES: Final = 1 << 30
"""Passes are kept from one product to the next where the work on all samples fits into this: they
take up to half of it."""


class WrittenOperator:
    """The objective of a layered net at `parameters`, over `inputs` [n, *shape] and `labels` [n].

    Arithmetic runs in `precision` (float64 or float32); sums and answers are float64. Products
    share chunks of samples out between `threads`; more threads of BLAS within them do not help.
    """

    def __init__(
        self,
        net: Layers,
        parameters: Mapping[str, np.ndarray],
        inputs: np.ndarray,
        labels: np.ndarray,
        objective: Objective,
        *,
        precision: str = "float64",
        threads: int = 1,
    ) -> None:
        """Look at the parameters; samples are read when something is asked for.

        Raises:
            EmcError: parameters that do not belong to the net or are not finite, or labels that
                are not classes of it.
        """
        check_parameters(layer_shapes(net), parameters)
        check_labels(labels, net[-1].outputs)
        self.objective = objective
        self.samples = len(labels)
        self.parameters = flatten(layer_shapes(net), parameters)
        self.kinks = LayerKinks(net, inputs, labels, objective)
        self._net = net
        self._layers = layers_at(net, self.parameters.astype(precision))
        self._widths: np.ndarray | None = None
        self._inputs, self._labels = inputs, labels
        self._threads = threads
        # Copies at other points share it: it is made at most once. It holds no operator, which
        # would hold itself.
        first, rows = self._layers[0], inputs[some(len(labels))]
        self._first = cache(
            lambda: moments(first.columns(first_features(net, rows.astype(precision))), len(rows))
        )
        self.bytes_per_sample = sum(_bytes_per_sample(layer) for layer in net)

    def at(self, parameters: np.ndarray) -> Self:
        """The same objective at another point, float64 [P]."""
        other = copy(self)
        other.parameters = parameters
        dtype = self._layers[0].weight.dtype
        other._layers = layers_at(self._net, parameters.astype(dtype), self._widths)
        other.__dict__.pop("_pieces", None)
        return other

    def single(self) -> None:
        """None: numpy gains too little."""

    def quasi_newton(self, history: int) -> None:
        """None: its steps are not compiled."""

    def preconditioner(self) -> list[LayerInverse]:
        """About the inverse of the Hessian at the point: see `written.preconditioner`."""
        rows = some(self.samples)
        features, labels = self._features(rows), self._labels[rows]
        return preconditioner(self._layers, features, labels, self.objective, self._first)

    def scales(self) -> np.ndarray | None:
        """The mean |z| of each layer at the point, [layers]; None without kinks, and with pooling.

        Only the native kernels round off maxima.
        """
        pools = any(isinstance(layer, Conv) for layer in self._net)
        return None if pools or not self.kinks.any else self.kinks.scales(self.parameters)

    def rounded(self, widths: np.ndarray) -> Self | None:
        """The objective at the point with kinks rounded off over `widths`, float64 [layers].

        See `emc.activations.Activation.rounded`; those of a layer with a width of zero stay. None
        for a net that pools: only the native kernels round off its maxima.
        """
        if any(isinstance(layer, Conv) for layer in self._net):
            return None
        other = copy(self)
        other._widths = widths
        return other.at(self.parameters)

    def first_order(self) -> FirstOrder:
        """Loss, gradient and accuracy at the point."""
        decay = self.objective.weight_decay
        gradient = decay * self.parameters
        loss = decay / 2 * float(self.parameters @ self.parameters)
        correct = 0
        for chunk in self._chunks():
            add_gradient(self._layers, chunk, gradient)
            loss += chunk.loss.value
            correct += chunk.correct
        return FirstOrder(loss, gradient, correct / self.samples)

    def products(self, vectors: np.ndarray) -> np.ndarray:
        """Hessian times each row: float64 [m, P] to float64 [m, P]."""
        directions = vectors.astype(self._layers[0].weight.dtype, copy=False)

        def share(thread: int) -> np.ndarray:
            products = np.zeros_like(vectors)
            for chunk in self._chunks(thread, self._threads):
                for direction, product in zip(directions, products, strict=True):
                    add_product(self._layers, chunk, direction, product)
            return products

        products: np.ndarray = self.objective.weight_decay * vectors
        if self._threads == 1:
            products += share(0)
            return products
        with ThreadPoolExecutor(self._threads) as pool:
            for part in pool.map(share, range(self._threads)):
                products += part
        return products

    def growing(self) -> str | None:
        """Those of the last layer if it is linear; a single logit differs from no other."""
        last = self._net[-1]
        grows = last.activation == "identity" and last.outputs > 1
        return "the weights of the last layer" if grows else None

    def dense_within(self, products: int) -> bool:
        """Whether `products` products would give the columns that have no closed form."""
        return self._layers[by_products(self._layers)].stretch.start <= products

    def dense(self) -> np.ndarray:
        """The whole Hessian, float64 [P, P]."""
        return self.dense_by(self.products)

    def dense_by(self, products: ProductsOfOne) -> np.ndarray:
        """The whole Hessian, float64 [P, P], by someone's products where no closed form is."""
        hessian = dense_hessian(self._layers, self._chunks(), products)
        closed = self._layers[by_products(self._layers)].stretch.start
        diagonal = np.arange(closed, len(hessian))
        hessian[diagonal, diagonal] += self.objective.weight_decay
        return hessian

    @cached_property
    def _pieces(self) -> Sequence[Chunk | slice]:
        """All samples: as chunks where these may be kept, otherwise as slices."""
        rows = max(1, CHUNK_BYTES // self.bytes_per_sample)
        slices = [slice(start, start + rows) for start in range(0, self.samples, rows)]
        if self.samples * self.bytes_per_sample > KEPT_BYTES:
            return slices
        return [self._chunk(part) for part in slices]

    def _chunks(self, first: int = 0, every: int = 1) -> Iterator[Chunk]:
        for piece in self._pieces[first::every]:
            yield self._chunk(piece) if isinstance(piece, slice) else piece

    def _chunk(self, part: slice) -> Chunk:
        return there_and_back(
            self._layers, self._features(part), self._labels[part], self.objective, self.samples
        )

    def _features(self, part: slice) -> np.ndarray:
        inputs = self._inputs[part].astype(self._layers[0].weight.dtype)
        return first_features(self._net, inputs)


def _bytes_per_sample(layer: Dense | Conv) -> int:
    """About what a product holds of one sample in one layer, in float64."""
    return 8 * layer.pixels * (2 * layer.fan_in + 6 * layer.outputs)
