"""A compiled kernel, called by ctypes: mirrors `kernel/trainer.hpp`."""

import ctypes
from collections.abc import Callable
from ctypes import POINTER, Structure, c_double, c_int64, c_uint64, c_void_p
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from emc.records import THRESHOLDS

_SLICE_SECONDS: Final = 0.5
"""How long a kernel trains before Python may handle signals."""

ORDERS: Final = {"stream": 0, "balanced": 1, "ragged": 2}
FULL_BATCH: Final = 3
LOSSES: Final = {"cross-entropy": 0, "squared-error": 1}
"""The kernel's numbers for a procedure's words."""

_Counts = c_int64 * len(THRESHOLDS)


class Task(Structure):
    """What to train. Arrays are addresses: the caller keeps them alive."""

    _fields_ = (
        ("inputs", c_void_p),
        ("rows", c_void_p),
        ("labels", c_void_p),
        ("parameters", c_void_p),
        ("rates", c_void_p),
        ("n", c_int64),
        ("batch", c_int64),
        ("order", c_int64),
        ("order_seed", c_uint64),
        ("epochs", c_int64),
        ("steps", c_int64),
        ("needed", _Counts),
        ("needed_to_fit", c_int64),
        ("loss", c_int64),
        ("smoothing", c_double),
        ("optimizer", c_int64),
        ("nesterov", c_int64),
        ("momentum", c_double),
        ("beta1", c_double),
        ("beta2", c_double),
        ("epsilon", c_double),
        ("coupled_decay", c_double),
        ("decoupled_decay", c_double),
        ("gradient_tolerance", c_double),
        ("plateau_tolerance", c_double),
        ("graph", c_void_p),
    )


class KernelResult(Structure):
    """How it went."""

    _fields_ = (
        ("finite", c_int64),
        ("epochs", c_int64),
        ("steps", c_int64),
        ("gradient_evaluations", c_int64),
        ("milestone_epochs", _Counts),
        ("milestone_steps", _Counts),
        ("correct", c_int64),
        ("loss", c_double),
        ("gradient_norm", c_double),
    )


class Trained(NamedTuple):
    """A finished training; the end point is flat float32, the epoch losses float64."""

    result: KernelResult
    epoch_losses: np.ndarray
    parameters: np.ndarray


Pause = Callable[[Callable[[], np.ndarray]], None]
"""Called now and then in a training, with a way to its state, uint8 [bytes]."""


class Kernel:
    """The trainer of one shape of net; a state is of use to this very kernel only."""

    def __init__(self, path: Path) -> None:
        """Load the library at `path`; raises OSError where that fails."""
        self.name = path.stem
        self._library = ctypes.CDLL(str(path))
        self._library.emc_open.restype = c_void_p
        self._library.emc_open.argtypes = (POINTER(Task),)
        self._library.emc_advance.argtypes = (c_void_p, c_double)
        self._library.emc_result.argtypes = (c_void_p, POINTER(KernelResult))
        self._library.emc_write.argtypes = (c_void_p, c_void_p, c_void_p)
        self._library.emc_state_size.restype = c_int64
        self._library.emc_state_size.argtypes = (c_void_p,)
        self._library.emc_save.argtypes = (c_void_p, c_void_p)
        self._library.emc_load.argtypes = (c_void_p, c_void_p)
        self._library.emc_close.argtypes = (c_void_p,)

    def train(self, task: Task, parameters: int, state: np.ndarray | None, pause: Pause) -> Trained:
        """Train `parameters` numbers to the end of the task, from a `state` of it if there is."""
        replica = self._library.emc_open(task)
        if replica is None:
            raise MemoryError("no memory for a replica of the native back end")
        try:
            if state is not None:
                self._library.emc_load(replica, state.ctypes.data)
            while not self._library.emc_advance(replica, _SLICE_SECONDS):
                pause(lambda: self._state(replica))
            result = KernelResult()
            self._library.emc_result(replica, result)
            trained = Trained(result, np.empty(result.epochs), np.empty(parameters, np.float32))
            self._library.emc_write(
                replica, trained.parameters.ctypes.data, trained.epoch_losses.ctypes.data
            )
            return trained
        finally:
            self._library.emc_close(replica)

    def _state(self, replica: int) -> np.ndarray:
        state = np.empty(self._library.emc_state_size(replica), np.uint8)
        self._library.emc_save(replica, state.ctypes.data)
        return state
