"""A machine of blocks without a card: the persistent kernel as C++, each block a thread."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from emc.engine.persistent.launch import CardLimits, Launch
from emc.native.build import loaded


class HostArena:
    """Arrays of the process."""

    def __init__(self) -> None:
        self._held: list[np.ndarray] = []

    def room(self, size: int) -> int:
        self._held.append(np.full(size + 8, 0xA5, np.uint8))
        return self._held[-1].ctypes.data

    def put(self, address: int, array: np.ndarray) -> None:
        ctypes.memmove(address, np.ascontiguousarray(array).ctypes.data, array.nbytes)

    def get(self, address: int, array: np.ndarray) -> None:
        ctypes.memmove(array.ctypes.data, address, array.nbytes)


class EmulatedProgram:
    """The kernel compiled by the system's compiler; its loops run `backwards` if asked."""

    def __init__(self, code: str, *, backwards: bool) -> None:
        self._backwards = backwards
        self._kernel = loaded(code, lambda path: ctypes.CDLL(str(path)))
        self.name = f"emulated {hash(code)}"
        self.launches = 0

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        self.launches += 1
        self._kernel.emc_persistent(ctypes.byref(launch), blocks, int(self._backwards))


class Emulated:
    """By default as roomy as an H200, with few multiprocessors."""

    def __init__(
        self,
        *,
        block_memory: int = 227 << 10,
        shared_memory: int = 228 << 10,
        multiprocessors: int = 2,
        free_memory: int = 1 << 33,
        backwards: bool = False,
    ) -> None:
        self._limits = CardLimits(block_memory, shared_memory, multiprocessors, free_memory)
        self._backwards = backwards
        self.programs: list[EmulatedProgram] = []

    def limits(self) -> CardLimits:
        return self._limits

    def program(self, code: str) -> EmulatedProgram:
        self.programs.append(EmulatedProgram(code, backwards=self._backwards))
        return self.programs[-1]

    @contextmanager
    def arena(self) -> Iterator[HostArena]:
        yield HostArena()
