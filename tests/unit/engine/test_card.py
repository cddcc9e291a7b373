"""A card by its driver, both made up: memory is the process's, and launches are emulated."""

import ctypes
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import IntEnum
from itertools import pairwise
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import CNN, assert_same_training, mlp, procedure, replicas
from tests.unit.engine.emulated import EmulatedProgram, HostArena
from tests.unit.engine.interrupted import assert_same_bits, to_the_end

from emc.engine.persistent import Persistent, card, group
from emc.engine.persistent.card import Card
from emc.engine.persistent.launch import THREADS, Launch
from emc.engine.procedure import Update
from emc.engine.sequential import Sequential
from emc.engine.slices import together
from emc.error_texts import says_broken_device, says_no_memory
from emc.native.unavailable import UnavailableError
from emc.nets.layers import Layers


class Status(IntEnum):
    CUDA_SUCCESS = 0
    CUDA_ERROR_OUT_OF_MEMORY = 2
    CUDA_ERROR_NO_DEVICE = 100
    CUDA_ERROR_INVALID_IMAGE = 200
    CUDA_ERROR_ECC_UNCORRECTABLE = 214
    CUDA_ERROR_ILLEGAL_ADDRESS = 700


WORDS = {
    Status.CUDA_ERROR_NO_DEVICE: b"no CUDA-capable device is detected",
    Status.CUDA_ERROR_INVALID_IMAGE: b"device kernel image is invalid",
    Status.CUDA_ERROR_ECC_UNCORRECTABLE: b"uncorrectable ECC error encountered",
    Status.CUDA_ERROR_ILLEGAL_ADDRESS: b"an illegal memory access was encountered",
}
OK = Status.CUDA_SUCCESS


class Attribute(IntEnum):
    CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 227 << 10
    CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR = 228 << 10
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT = 3
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 9
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 0


class OldAttribute(IntEnum):
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR = 6
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR = 1


class FunctionAttribute(IntEnum):
    CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8
    CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT = 9


class Driver:
    """What the binding offers, for a card of which `fails` says which calls fail, and how."""

    CUresult = Status
    CUfunction_attribute = FunctionAttribute

    def __init__(
        self, fails: dict[str, Status] | None = None, attributes: type[IntEnum] = Attribute
    ) -> None:
        self.CUdevice_attribute = attributes
        self.fails = fails or {}
        self.memory = HostArena()
        self.loaded: list[bytes] = []
        self.launched: list[tuple[int, ...]] = []
        self.live = 0
        self.threads: set[int] = set()

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("cu") and (status := self.fails.get(name)):
            return lambda *_: (status, None)
        return super().__getattribute__(name)

    def cuInit(self, flags: int) -> tuple[Status]:
        return (OK,)

    def cuDevicePrimaryCtxRetain(self, device: int) -> tuple[Status, str]:
        return OK, "context"

    def cuCtxSetCurrent(self, context: str) -> tuple[Status]:
        self.threads.add(get_ident())
        return (OK,)

    def cuCtxSynchronize(self) -> tuple[Status]:
        return (OK,)

    def cuDriverGetVersion(self) -> tuple[Status, int]:
        return OK, 12040

    def cuGetErrorString(self, status: Status) -> tuple[Status, bytes]:
        return OK, WORDS[status]

    def cuMemGetInfo(self) -> tuple[Status, int, int]:
        return OK, 1 << 30, 1 << 31

    def cuDeviceGetAttribute(self, attribute: int, device: int) -> tuple[Status, int]:
        return OK, int(attribute)

    def cuMemAlloc(self, size: int) -> tuple[Status, int]:
        self.live += 1
        return OK, self.memory.room(size)

    def cuMemFree(self, piece: int) -> tuple[Status]:
        self.live -= 1
        return (OK,)

    def cuMemcpyHtoD(self, to: int, start: int, size: int) -> tuple[Status]:
        ctypes.memmove(to, start, size)
        return (OK,)

    cuMemcpyDtoH = cuMemcpyHtoD

    def cuModuleLoadData(self, binary: bytes) -> tuple[Status, Any]:
        if not binary.startswith(b"kernel:"):
            return Status.CUDA_ERROR_INVALID_IMAGE, None
        self.loaded.append(binary)
        return OK, EmulatedProgram(binary.removeprefix(b"kernel:").decode(), backwards=False)

    def cuModuleGetFunction(self, module: Any, name: bytes) -> tuple[Status, Any]:
        assert name == b"emc_persistent"
        return OK, module

    def cuFuncSetAttribute(self, function: Any, attribute: int, value: int) -> tuple[Status]:
        assert value <= 227 << 10
        return (OK,)

    def cuLaunchKernel(self, function: EmulatedProgram, *rest: int) -> tuple[Status]:
        blocks, _, _, threads, _, _, block_memory, stream, parameters, _ = rest
        address = ctypes.c_void_p.from_address(parameters).value
        assert address is not None
        function.launch(Launch.from_address(address), blocks, block_memory)
        self.launched.append((blocks, threads, block_memory, stream))
        return (OK,)


@pytest.fixture
def codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """A compiler that changes nothing."""

    def recompile(code: str, arch: str, path: Path) -> None:
        path.write_bytes(b"kernel:" + code.encode())

    def cubin(code: str, arch: str) -> Path:
        path = tmp_path / f"{arch}.cubin"
        if not path.exists():
            recompile(code, arch, path)
        return path

    monkeypatch.setattr(card, "cubin", cubin)
    monkeypatch.setattr(card, "recompile", recompile)
    monkeypatch.setattr(card, "binary_of", Path.read_bytes)
    return cubin


@pytest.mark.usefixtures("codes")
def test_training_by_the_driver_is_the_reference() -> None:
    driver, asked, given = Driver(), procedure(update=Update("adam")), replicas([40, 21], lr=0.01)
    found = Persistent(Card(driver)).run(asked, given)
    for one, other in zip(found, Sequential("cpu").run(asked, given), strict=True):
        assert_same_training(one, other)
    assert driver.live == 0
    assert len(driver.loaded) == 1
    assert {(launch[1], launch[3]) for launch in driver.launched} == {(THREADS, 0)}


@pytest.mark.usefixtures("codes")
def test_a_kernel_that_the_driver_refuses_is_compiled_anew(tmp_path: Path) -> None:
    (tmp_path / "sm_90.cubin").write_bytes(b"of another architecture")
    driver, asked, given = Driver(), procedure(epochs=2), replicas([9])
    found = Persistent(Card(driver)).run(asked, given)
    assert_same_bits(found, Persistent(Card(Driver())).run(asked, given))
    assert (tmp_path / "sm_90.cubin").read_bytes() == driver.loaded[0]


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize(
    ("fails", "message"),
    [
        ({"cuInit": Status.CUDA_ERROR_NO_DEVICE}, "does not start: CUDA error: no CUDA-capable"),
        (
            {"cuModuleLoadData": Status.CUDA_ERROR_INVALID_IMAGE},
            r"driver \(for CUDA 12.4\) does not load the compiled kernel: .* kernel image",
        ),
    ],
)
def test_what_stands_against_a_card_is_told(fails: dict[str, Status], message: str) -> None:
    with pytest.raises(UnavailableError, match=message):
        Persistent(Card(Driver(fails))).run(procedure(), replicas([9]))


def test_a_card_that_is_too_old_is_told() -> None:
    with pytest.raises(UnavailableError, match=r"capability 7\.0 or higher, found 6\.1"):
        Persistent(Card(Driver(attributes=OldAttribute))).run(procedure(), replicas([9]))


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize(
    ("status", "broken"),
    [(Status.CUDA_ERROR_ECC_UNCORRECTABLE, True), (Status.CUDA_ERROR_ILLEGAL_ADDRESS, False)],
)
def test_an_error_in_a_launch_has_the_drivers_words(status: Status, broken: bool) -> None:
    driver = Driver({"cuCtxSynchronize": status})
    with pytest.raises(RuntimeError, match=f"^CUDA error: {WORDS[status].decode()}$") as told:
        Persistent(Card(driver)).run(procedure(), replicas([9]))
    assert says_broken_device(told.value) is broken
    assert not says_no_memory(told.value)
    assert driver.live == 0


@pytest.mark.usefixtures("codes")
def test_an_error_without_words_has_its_number() -> None:
    """A driver may be older than the error, or newer."""
    wordless = {"cuGetErrorString": Status.CUDA_ERROR_INVALID_IMAGE}
    driver = Driver({"cuCtxSynchronize": Status.CUDA_ERROR_ILLEGAL_ADDRESS} | wordless)
    with pytest.raises(RuntimeError, match=r"^CUDA error: 700$"):
        Persistent(Card(driver)).run(procedure(), replicas([9]))


@pytest.mark.usefixtures("codes")
def test_a_card_without_memory_for_one_replica_says_so() -> None:
    driver = Driver({"cuMemAlloc": Status.CUDA_ERROR_OUT_OF_MEMORY})
    with pytest.raises(MemoryError, match="a single replica does not fit into the memory"):
        Persistent(Card(driver)).run(procedure(), replicas([9]))


@pytest.mark.usefixtures("codes")
def test_memory_that_ends_in_a_launch_halves_the_replicas(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Threads that spill take memory of the card as they are launched."""

    class Crowded(Driver):
        def cuLaunchKernel(self, function: EmulatedProgram, *rest: int) -> tuple[Status]:
            if rest[0] > 2:
                return (Status.CUDA_ERROR_OUT_OF_MEMORY,)
            return super().cuLaunchKernel(function, *rest)

    asked, given = procedure(epochs=2), replicas([9] * 6)
    found = Persistent(Card(Crowded())).run(asked, given)
    assert "out of memory with 6 replicas at once: going on with half" in caplog.text
    assert "out of memory with 3 replicas at once: going on with half" in caplog.text
    assert_same_bits(found, Persistent(Card(Driver())).run(asked, given))


@pytest.mark.usefixtures("codes")
@pytest.mark.parametrize("call", ["cuDevicePrimaryCtxRetain", "cuModuleLoadData"])
def test_memory_that_ends_before_anything_trains_is_no_reason_to_give_way(call: str) -> None:
    driver = Driver({call: Status.CUDA_ERROR_OUT_OF_MEMORY})
    with pytest.raises(MemoryError, match="the card has no memory left"):
        Persistent(Card(driver)).run(procedure(), replicas([9]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
@pytest.mark.parametrize("layers", [mlp(), CNN], ids=["mlp", "cnn"])
def test_a_card_that_is_there_trains_as_the_reference_killed_or_beside_others(
    layers: Layers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has never been run."""
    asked, given = procedure(layers=layers), replicas([40, 21, 33])
    back_end = Persistent(Card())
    calm = back_end.run(asked, given)
    for one, expected in zip(calm, Sequential("cpu").run(asked, given), strict=True):
        assert_same_training(one, expected, tolerance=2e-4)
    for _, found in together({name: back_end.in_slices(asked, given) for name in "ab"}):
        assert isinstance(found, list)
        assert_same_bits(found, calm)
    monkeypatch.setattr(group, "_FIRST_STEPS", 1)
    monkeypatch.setattr(group, "_SLICE_SECONDS", 1e-9)
    resumed, _ = to_the_end(lambda kept: back_end.run(asked, given, kept))
    assert_same_bits(resumed, calm)


def test_each_thread_that_asks_has_the_context() -> None:
    driver = Driver()
    card_of_all = Card(driver)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(card_of_all.limits).result()
    card_of_all.limits()
    assert len(driver.threads) == 2


def test_memory_is_asked_for_in_large_pieces() -> None:
    driver = Driver()
    with Card(driver).arena() as arena:
        places = [arena.room(size) for size in (1, 1000, 0, 300)]
        assert driver.live == 1
        assert [b - a for a, b in pairwise(places)] == [256, 1024, 256]
        arena.room(1 << 25)
        assert driver.live == 2
        numbers = np.arange(75, dtype=np.float32)
        arena.put(places[3], numbers)
        arena.get(places[3], copy := np.empty_like(numbers))
        assert np.array_equal(copy, numbers)
    assert driver.live == 0


def test_without_a_driver_a_card_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(UnavailableError, match="the package cuda-bindings is not installed"):
        Card().limits()
