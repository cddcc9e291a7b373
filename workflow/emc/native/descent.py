"""Quasi-Newton steps in a compiled kernel: mirrors `kernel/descent.hpp`."""

import ctypes
import weakref
from collections.abc import Sequence
from ctypes import POINTER, Structure, byref, c_double, c_int64, c_void_p
from enum import Enum
from typing import NamedTuple

import numpy as np

from emc.native.objective import NativeObjective
from emc.native.preconditioner import LayerInverse, layer_inverses


class DescentEnd(Enum):
    """Why a descent stops; in the order of the kernel's."""

    FITS = "fits"
    STATIONARY = "stationary"
    LIMIT = "limit"
    JAM = "jam"


class DescentLimits(NamedTuple):
    """Where a descent stops: after `steps` steps, and with no step begun after `evaluations`.

    Also at a point with a gradient of at most `gradient`, or an accuracy of at least `accuracy`.
    """

    steps: int
    evaluations: int
    gradient: float
    accuracy: float


class Descended(NamedTuple):
    """Where a descent came: `parameters` float64 [P]; steps taken and evaluations made."""

    parameters: np.ndarray
    stop: DescentEnd
    steps: int
    evaluations: int


class _Limits(Structure):
    _fields_ = (
        ("gradient", c_double),
        ("accuracy", c_double),
        ("steps", c_int64),
        ("evaluations", c_int64),
    )


class _Report(Structure):
    _fields_ = (("stop", c_int64), ("steps", c_int64), ("evaluations", c_int64))


class NativeDescent:
    """A limited memory of steps down an objective, which further steps go on with."""

    def __init__(self, objective: NativeObjective, size: int, history: int) -> None:
        """Remember at most `history` steps of `size` parameters.

        Raises:
            MemoryError: there is not enough memory for them.
        """
        self._objective = objective
        self._kernel = _with_descents(objective.kernel)
        self._handle = self._kernel.emc_descent_open(size, history)
        if self._handle is None:
            raise MemoryError(f"no memory for {history} steps of {size:,} parameters")
        weakref.finalize(self, self._kernel.emc_descent_close, self._handle)

    def go_on(
        self,
        parameters: np.ndarray,
        widths: np.ndarray | None,
        preconditioner: Sequence[LayerInverse],
        limits: DescentLimits,
    ) -> Descended:
        """Take steps from a point, float64 [P], to the limits or where none leads down.

        Kinks are rounded off over `widths` [layers]. Before anything is remembered, the inverse
        Hessian is taken for the `preconditioner`, and for the identity outside of its layers.

        Raises:
            MemoryError: no memory to work with.
        """
        point = np.array(parameters, dtype=np.float64)
        layers = layer_inverses(preconditioner)
        asked, report = _Limits(**limits._asdict()), _Report()
        done = self._kernel.emc_descent_go_on(
            self._handle,
            self._objective.handle,
            None if widths is None else widths.ctypes.data,
            layers,
            len(layers),
            byref(asked),
            point.ctypes.data,
            byref(report),
        )
        if not done:
            raise MemoryError("no memory for a descent in a native objective")
        stop = list(DescentEnd)[report.stop]
        return Descended(point, stop, report.steps, report.evaluations)


def _with_descents(kernel: ctypes.CDLL) -> ctypes.CDLL:
    kernel.emc_descent_open.restype = c_void_p
    kernel.emc_descent_open.argtypes = (c_int64, c_int64)
    kernel.emc_descent_go_on.argtypes = (
        *(c_void_p, c_void_p, c_void_p, c_void_p, c_int64),
        *(POINTER(_Limits), c_void_p, POINTER(_Report)),
    )
    kernel.emc_descent_close.argtypes = (c_void_p,)
    return kernel
