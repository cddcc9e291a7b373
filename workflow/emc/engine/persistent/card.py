"""An NVIDIA card as a machine of blocks, by its driver. It has never run on a card.

The context is the one that torch uses, so that both see the same memory and errors.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import addressof, c_void_p
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from emc.engine.persistent.launch import THREADS, CardLimits, Launch
from emc.native.nvrtc import binary_of, cubin, recompile
from emc.native.unavailable import UnavailableError

OLDEST: Final = (7, 0)
"""Compute capability from which a block has the memory that kernels are planned for."""
_ENTRY: Final = b"emc_persistent"
_PIECE: Final = 1 << 24
"""Bytes that are asked of the driver at once, unless an array alone is larger."""
_ALIGNED: Final = 256
_ALL_SHARED: Final = 100
"""Percent of a multiprocessor's memory that blocks get: several fit only if it is all."""


class Card:
    """The first card that the process may see."""

    def __init__(self, driver: Any = None) -> None:
        """Take the binding of the driver, `cuda.bindings.driver` by default, when it is needed."""
        self._given = driver

    def limits(self) -> CardLimits:
        """What the card offers now.

        Raises:
            UnavailableError: there is no driver or no card, or the card is too old.
        """
        capability = self._capability
        if capability < OLDEST:
            found, wanted = (".".join(map(str, each)) for each in (capability, OLDEST))
            raise UnavailableError(
                f"card: expected compute capability {wanted} or higher, found {found}"
            )
        free, _ = self._ask("cuMemGetInfo")
        return CardLimits(
            block_memory=self._attribute("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN"),
            shared_memory=self._attribute("MAX_SHARED_MEMORY_PER_MULTIPROCESSOR"),
            multiprocessors=self._attribute("MULTIPROCESSOR_COUNT"),
            free_memory=free,
        )

    def program(self, code: str) -> "CardProgram":
        """The kernel of a code; one that the driver refuses is compiled anew.

        Raises:
            UnavailableError: it cannot be compiled or loaded.
        """
        arch = "sm_{}{}".format(*self._capability)
        path = cubin(code, arch)
        try:
            return CardProgram(self._driver, path)
        except RuntimeError:
            recompile(code, arch, path)
        try:
            return CardProgram(self._driver, path)
        except RuntimeError as error:
            raise UnavailableError(
                f"the driver ({self._version()}) does not load the compiled kernel: {error}"
            ) from error

    @contextmanager
    def arena(self) -> Iterator["CardArena"]:
        """Memory of the card for a call."""
        made = CardArena(self._driver)
        try:
            yield made
        finally:
            made.free()

    @property
    def _driver(self) -> Any:
        """The driver, its context being that of the thread that asks."""
        driver, context = self._begun
        _done(driver, driver.cuCtxSetCurrent(context))
        return driver

    @cached_property
    def _begun(self) -> tuple[Any, Any]:
        driver = self._given or _binding()
        try:
            _done(driver, driver.cuInit(0))
            return driver, _done(driver, driver.cuDevicePrimaryCtxRetain(0))
        except RuntimeError as error:
            raise UnavailableError(f"the driver does not start: {error}") from error

    @property
    def _capability(self) -> tuple[int, int]:
        major, minor = (f"COMPUTE_CAPABILITY_{part}" for part in ("MAJOR", "MINOR"))
        return self._attribute(major), self._attribute(minor)

    def _attribute(self, name: str) -> int:
        attribute = getattr(self._driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(self._ask("cuDeviceGetAttribute", attribute, 0))

    def _version(self) -> str:
        number = int(self._ask("cuDriverGetVersion"))
        return f"for CUDA {number // 1000}.{number % 1000 // 10}"

    def _ask(self, call: str, *arguments: Any) -> Any:
        return _done(self._driver, getattr(self._driver, call)(*arguments))


class CardProgram:
    """A kernel that the driver has loaded."""

    def __init__(self, driver: Any, path: Path) -> None:
        """Load the code at `path`; raises RuntimeError where the driver refuses it."""
        self.name = path.stem
        self._driver = driver
        self._module = _done(driver, driver.cuModuleLoadData(binary_of(path)))
        self._function = _done(driver, driver.cuModuleGetFunction(self._module, _ENTRY))
        shared = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
        _done(driver, driver.cuFuncSetAttribute(self._function, shared, _ALL_SHARED))

    def launch(self, launch: Launch, blocks: int, block_memory: int) -> None:
        """Run it to its end; raises RuntimeError with the driver's words where that fails."""
        driver = self._driver
        most = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        _done(driver, driver.cuFuncSetAttribute(self._function, most, block_memory))
        parameters = (c_void_p * 1)(addressof(launch))
        grid, block = (blocks, 1, 1), (THREADS, 1, 1)
        launched = driver.cuLaunchKernel(
            self._function, *grid, *block, block_memory, 0, addressof(parameters), 0
        )
        _done(driver, launched)
        _done(driver, driver.cuCtxSynchronize())


class CardArena:
    """Memory of the card, asked for in large pieces and given back together."""

    def __init__(self, driver: Any) -> None:
        """Begin without any."""
        self._driver = driver
        self._pieces: list[Any] = []
        self._next = self._end = 0

    def room(self, size: int) -> int:
        """The address of `size` bytes. Raises MemoryError."""
        size = -(-max(size, 1) // _ALIGNED) * _ALIGNED
        if self._next + size > self._end:
            self._add_piece(max(size, _PIECE))
        self._next += size
        return self._next - size

    def put(self, address: int, array: np.ndarray) -> None:
        """Copy an array to an address."""
        held = np.ascontiguousarray(array)
        self._copy("cuMemcpyHtoD", address, held.ctypes.data, held.nbytes)

    def get(self, address: int, array: np.ndarray) -> None:
        """Copy from an address into an array."""
        self._copy("cuMemcpyDtoH", array.ctypes.data, address, array.nbytes)

    def free(self) -> None:
        """Give all of it back."""
        for piece in self._pieces:
            self._driver.cuMemFree(piece)

    def _copy(self, call: str, to: int, start: int, size: int) -> None:
        if size:
            _done(self._driver, getattr(self._driver, call)(to, start, size))

    def _add_piece(self, size: int) -> None:
        piece = _done(self._driver, self._driver.cuMemAlloc(size))
        self._pieces.append(piece)
        self._next, self._end = int(piece), int(piece) + size


def _binding() -> Any:
    try:
        from cuda.bindings import driver
        from cuda.pathfinder import DynamicLibNotFoundError
    except ImportError as error:
        raise UnavailableError(f"the package cuda-bindings is not installed: {error}") from error
    try:
        driver.cuDriverGetVersion()
    except DynamicLibNotFoundError as error:
        raise UnavailableError(f"no driver of NVIDIA is installed: {error}") from error
    return driver


def _done(driver: Any, answer: tuple[Any, ...]) -> Any:
    """What a call of the driver gives beside its status: one value, several, or None.

    Raises:
        MemoryError: the card has no more, for arrays or for what threads of a launch spill.
        RuntimeError: the call failed otherwise, in the driver's words.
    """
    status, *values = answer
    if status == driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
        raise MemoryError("the card has no memory left")
    if status != driver.CUresult.CUDA_SUCCESS:
        _, words = driver.cuGetErrorString(status)
        raise RuntimeError(f"CUDA error: {words.decode() if words else status}")
    return values[0] if len(values) == 1 else tuple(values) or None
