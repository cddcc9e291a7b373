"""What a persistent kernel is given: mirrors `kernel/block_trainer.hpp`."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from ctypes import Structure, c_double, c_int64, c_void_p
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from emc.engine.native.kernel import KernelResult, Task

THREADS: Final = 256
"""Of a block: the partial sums of as many lie in its memory."""


class Standing(Structure):
    """Where a training stands between two launches."""

    _fields_ = (
        ("result", KernelResult),
        ("ended", c_int64),
        ("position", c_int64),
        ("shuffles", c_int64),
        ("epoch_samples", c_int64),
        ("first_error", c_int64),
        ("epoch_loss", c_double),
    )


class Training(Structure):
    """A training; its arrays are addresses of the machine's memory."""

    _fields_ = (
        ("task", Task),
        ("progress", Standing),
        ("numbers", c_void_p),
        ("end", c_void_p),
        ("epoch_losses", c_void_p),
        ("order", c_void_p),
    )


class Launch(Structure):
    """What a launch trains."""

    _fields_ = (
        ("replicas", c_void_p),
        ("count", c_int64),
        ("queue", c_void_p),
        ("steps", c_int64),
        ("workspace", c_void_p),
        ("order_room", c_int64),
    )


@dataclass(frozen=True, slots=True)
class CardLimits:
    """What a machine offers: memory of a block and of a multiprocessor in bytes, and blocks."""

    block_memory: int
    shared_memory: int
    multiprocessors: int
    free_memory: int


class Arena(Protocol):
    """Memory of a machine, given back together."""

    def room(self, size: int) -> int:
        """The address of `size` bytes. Raises MemoryError."""

    def put(self, address: int, array: np.ndarray) -> None:
        """Copy an array to an address."""

    def get(self, address: int, array: np.ndarray) -> None:
        """Copy from an address into an array."""


class Program(Protocol):
    """A compiled kernel."""

    @property
    def name(self) -> str:
        """Tells it from kernels that may give other numbers."""

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        """Run it to its end; each block has `block_memory` bytes."""


class Machine(Protocol):
    """What runs blocks: a card."""

    def limits(self) -> CardLimits:
        """What it offers now. Raises UnavailableError where it cannot be used."""

    def program(self, code: str) -> Program:
        """The kernel of a code. Raises UnavailableError where it cannot be built or loaded."""

    def arena(self) -> AbstractContextManager[Arena]:
        """Memory for a call."""


def placed(arena: Arena, array: np.ndarray) -> int:
    """The address of a copy of an array."""
    address = arena.room(array.nbytes)
    arena.put(address, array)
    return address


def bytes_of(structures: Sequence[Structure]) -> np.ndarray:
    """Structures one after the other, uint8."""
    return np.frombuffer(b"".join(bytes(each) for each in structures), np.uint8).copy()
