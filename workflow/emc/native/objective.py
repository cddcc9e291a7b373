"""The training loss of a net in a compiled kernel: mirrors `kernel/objective.hpp`.

One kernel per precision serves layered nets of all sizes, another one vision transformers of all
sizes, so that they are compiled once per machine.
"""

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_double, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from emc.native.activation import number
from emc.native.build import loaded
from emc.native.graph_table import graph_table
from emc.nets.graph import Graph
from emc.nets.layers import Conv, Dense
from emc.nets.traced_module import KnownNet
from emc.nets.transformer import Transformer

LOSSES: Final = ("cross-entropy", "squared-error")
"""Those of `kernel/logits.hpp`, in its order."""


class _ObjectiveTask(Structure):
    _fields_ = (
        ("inputs", c_void_p),
        ("labels", c_void_p),
        ("loss", c_int64),
        ("smoothing", c_double),
        ("samples", c_int64),
        ("weight_decay", c_double),
    )


class _Totals(Structure):
    _fields_ = (("loss", c_double), ("correct", c_int64))


def kernel_name(net: KnownNet) -> str:
    """Which kernel evaluates a net: the name of its header."""
    if isinstance(net, Graph):
        return "graph_objective"
    return "vit_objective" if isinstance(net, Transformer) else "layered_objective"


def build(name: str, precision: str) -> ctypes.CDLL:
    """The kernel of a name in a precision (float64 or float32), compiled if the cache lacks it.

    Raises:
        UnavailableError: it cannot be built.
    """
    head = "#define EMC_DOUBLE\n" if precision == "float64" else ""
    return loaded(f'{head}#include "{name}.hpp"\n', _kernel)


class NativeObjective:
    """A training loss of `size` parameters, at any point, over the samples that it was made with.

    Calls may run at once in several threads. The same call gives the same bits. `handle` is what
    functions of its `kernel` know it by.
    """

    def __init__(
        self,
        net: KnownNet,
        inputs: np.ndarray,
        labels: np.ndarray,
        *,
        loss: str,
        label_smoothing: float,
        weight_decay: float,
        precision: str,
    ) -> None:
        """Take a copy of inputs [n, *shape] and labels [n] as the net takes them.

        The loss is the one that `emc.curvature.Objective` describes; its arithmetic runs in
        `precision` (float64 or float32), sums over chunks of samples in float64.

        Raises:
            UnavailableError: the kernel cannot be built.
            MemoryError: the samples do not fit.
        """
        self.kernel = build(kernel_name(net), precision)
        shape = np.array(_shape(net), dtype=np.int64)
        data = np.ascontiguousarray(inputs, dtype=precision)
        classes = np.ascontiguousarray(labels, dtype=np.int64)
        task = _ObjectiveTask(
            inputs=data.ctypes.data,
            labels=classes.ctypes.data,
            loss=LOSSES.index(loss),
            smoothing=label_smoothing,
            samples=len(labels),
            weight_decay=weight_decay,
        )
        self.handle = self.kernel.emc_objective_open(shape.ctypes.data, len(shape), byref(task))
        if self.handle is None:
            raise MemoryError("no memory for the samples of a native objective")
        weakref.finalize(self, self.kernel.emc_objective_close, self.handle)

    def first_order(
        self,
        parameters: np.ndarray,
        widths: np.ndarray | None = None,
        share: int = 0,
        shares: int = 1,
    ) -> tuple[float, np.ndarray, int]:
        """Loss, gradient (float64 [P]) and number of samples that are right, at a point.

        The kinks of each layer are rounded off over its width in `widths` (float64 [layers]), as
        `emc.activations.Activation.rounded` says; transformers keep theirs. Of several `shares` of
        the samples this is the one of number `share`; all of them add up.

        Raises:
            MemoryError: no memory to work with.
        """
        gradient, totals = np.empty_like(parameters), _Totals()
        self._check(
            self.kernel.emc_objective_first_order(
                self.handle,
                parameters.ctypes.data,
                _address(widths),
                share,
                shares,
                gradient.ctypes.data,
                byref(totals),
            )
        )
        return totals.loss, gradient, totals.correct

    def products(
        self,
        parameters: np.ndarray,
        vectors: np.ndarray,
        widths: np.ndarray | None = None,
        share: int = 0,
        shares: int = 1,
    ) -> np.ndarray:
        """The Hessian at a point times each row, float64 [m, P] to float64 [m, P].

        Widths and shares as in `first_order`.

        Raises:
            MemoryError: no memory to work with.
        """
        products = np.empty_like(vectors)
        self._check(
            self.kernel.emc_objective_products(
                self.handle,
                parameters.ctypes.data,
                _address(widths),
                vectors.ctypes.data,
                len(vectors),
                share,
                shares,
                products.ctypes.data,
            )
        )
        return products

    def sizes(self, parameters: np.ndarray, count: int) -> np.ndarray:
        """Sums of the |numbers| that activations take at a point, means over the samples.

        One per step of a graph, 0 where that is no activation, or per block of a transformer:
        float64 [count].

        Raises:
            MemoryError: no memory to work with.
        """
        sums = np.empty(count)
        sizes = self.kernel.emc_objective_sizes
        sizes.argtypes = (c_void_p, c_void_p, c_int64, c_void_p)
        self._check(sizes(self.handle, parameters.ctypes.data, count, sums.ctypes.data))
        return sums

    def _check(self, done: int) -> None:
        if not done:
            raise MemoryError("no memory for an evaluation of a native objective")


def _shape(net: KnownNet) -> Sequence[int] | np.ndarray:
    """The numbers that `make` reads in the header of its kernel."""
    if isinstance(net, Graph):
        return graph_table(net)
    if not isinstance(net, Transformer):
        return tuple(number for layer in net for number in _layer(layer))
    sizes = (net.colours, net.side, net.patch, net.depth, net.width, net.heads)
    return (*sizes, number(net.activation), net.classes)


def _layer(layer: Dense | Conv) -> tuple[int, ...]:
    """The numbers of `LayerShape` in `kernel/layers.hpp`."""
    pixels = (layer.height, layer.width) if isinstance(layer, Conv) else (1, 1)
    sizes = (int(isinstance(layer, Conv)), layer.inputs, layer.outputs, *pixels)
    return (*sizes, number(layer.activation), int(layer.bias))


def _address(numbers: np.ndarray | None) -> int | None:
    return None if numbers is None else numbers.ctypes.data


@cache
def _kernel(path: Path) -> ctypes.CDLL:
    kernel = ctypes.CDLL(str(path))
    kernel.emc_objective_open.restype = c_void_p
    kernel.emc_objective_open.argtypes = (c_void_p, c_int64, POINTER(_ObjectiveTask))
    kernel.emc_objective_first_order.argtypes = (
        *(c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_void_p),
        POINTER(_Totals),
    )
    kernel.emc_objective_products.argtypes = (
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_void_p),
    )
    kernel.emc_objective_close.argtypes = (c_void_p,)
    return kernel
