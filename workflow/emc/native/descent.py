"""Quasi-Newton steps in a compiled kernel: mirrors `kernel/descent.hpp`."""

import ctypes
import weakref
from ctypes import POINTER, Structure, byref, c_double, c_int64, c_void_p
from typing import NamedTuple

import numpy as np

from emc.native.objective import NativeObjective


class Came(NamedTuple):
    """Where a descent came: `parameters` float64 [P], and why it stopped, by its number."""

    parameters: np.ndarray
    stop: int
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
        *,
        steps: int,
        evaluations: int,
        gradient: float,
        accuracy: float,
    ) -> Came:
        """Take `steps` steps from a point, float64 [P], or fewer.

        It stops where the accuracy is at least `accuracy` or the gradient at most `gradient` long,
        where no step leads down, and begins no step after `evaluations` evaluations. Kinks are
        rounded off over `widths` [layers].

        Raises:
            MemoryError: no memory to work with.
        """
        point = np.array(parameters, dtype=np.float64)
        limits, report = _Limits(gradient, accuracy, steps, evaluations), _Report()
        done = self._kernel.emc_descent_go_on(
            self._handle,
            self._objective.handle,
            None if widths is None else widths.ctypes.data,
            byref(limits),
            point.ctypes.data,
            byref(report),
        )
        if not done:
            raise MemoryError("no memory for a descent in a native objective")
        return Came(point, report.stop, report.steps, report.evaluations)


def _with_descents(kernel: ctypes.CDLL) -> ctypes.CDLL:
    kernel.emc_descent_open.restype = c_void_p
    kernel.emc_descent_open.argtypes = (c_int64, c_int64)
    kernel.emc_descent_go_on.argtypes = (
        *(c_void_p, c_void_p, c_void_p),
        *(POINTER(_Limits), c_void_p, POINTER(_Report)),
    )
    kernel.emc_descent_close.argtypes = (c_void_p,)
    return kernel
