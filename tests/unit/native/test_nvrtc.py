"""Kernels compiled for cards that are not there; without NVRTC all of it is skipped."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emc.engine.persistent.launch import CardLimits
from emc.engine.persistent.layout import BlockNet
from emc.engine.persistent.placement import block_kernel, placement
from emc.native import nvrtc
from emc.native.nvrtc import binary_of, compiled, cubin, recompile
from emc.native.unavailable import UnavailableError
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.transformer import Transformer

LIMITS = {
    "sm_80": CardLimits(163 << 10, 164 << 10, 108, 80 << 30),
    "sm_90": CardLimits(227 << 10, 228 << 10, 132, 139 << 30),
}
REGISTERS = 65536
"""Of a multiprocessor, of either kind (CUDA C++ Programming Guide, technical specifications)."""
NOTHING = 'extern "C" __global__ void emc_persistent() {}\n'


def missing() -> str | None:
    try:
        nvrtc._version()
    except UnavailableError as error:
        return str(error)
    return None


needs_nvrtc = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def mlp(inputs: int, width: int, activation: str) -> Layers:
    hidden = (Dense(inputs, width, True, activation), Dense(width, width, True, activation))
    return (*hidden, Dense(width, 10, True, "identity"))


def cnn(channels: int, activation: str) -> Layers:
    stages = (
        Conv(1, channels, 28, 28, activation),
        Conv(channels, 2 * channels, 14, 14, activation),
    )
    return (*stages, Dense(2 * channels * 49, 10, True, "identity"))


@needs_nvrtc
@pytest.mark.slow
@pytest.mark.parametrize("arch", LIMITS)
@pytest.mark.parametrize(
    "net",
    [
        *(mlp(64, 16, "relu"), mlp(784, 64, "gelu"), cnn(4, "relu"), cnn(8, "relu")),
        Transformer(1, 8, 4, 1, 16, 4, "gelu", 10),
        Transformer(1, 28, 4, 2, 8, 1, "relu", 10),
    ],
    ids=["mlp-16", "mlp-64", "cnn-4", "cnn-8", "vit-16", "vit-8"],
)
def test_the_persistent_kernel_compiles_and_its_blocks_share_a_multiprocessor(
    arch: str, net: BlockNet, record_property: Callable[[str, int], None]
) -> None:
    made = placement(net, LIMITS[arch])
    found = compiled(block_kernel(net, made), arch)
    record_property("registers", found.registers)
    record_property("spilled bytes", found.spilled)
    print(f"{arch}: {found.registers} registers per thread, {found.spilled} bytes spilled")
    assert found.binary.startswith(b"\x7fELF")
    assert made.blocks_at_once * 256 * found.registers <= REGISTERS
    assert found.spilled <= 64


@needs_nvrtc
def test_what_a_thread_takes_is_read_from_the_compilers_words() -> None:
    found = compiled(NOTHING, "sm_90")
    assert 0 < found.registers < 32
    assert found.spilled == 0


@needs_nvrtc
def test_a_kernel_is_compiled_once_and_again_if_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    path = cubin(NOTHING, "sm_80")
    assert path.parent == tmp_path / "kernels"
    assert binary_of(path) == compiled(NOTHING, "sm_80").binary
    made = path.stat().st_mtime_ns
    assert cubin(NOTHING, "sm_80") == path
    assert path.stat().st_mtime_ns == made
    recompile(NOTHING, "sm_80", path)
    assert path.stat().st_mtime_ns != made
    assert cubin(NOTHING, "sm_90") != path
    assert cubin(NOTHING + "// another", "sm_80") != path
    assert len(list(path.parent.iterdir())) == 3


@needs_nvrtc
@pytest.mark.parametrize("left", [0, 7, 16, 1000, -1])
def test_a_file_that_was_cut_short_is_compiled_anew(
    left: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """No driver sees it: one may read beyond its end."""
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    path = cubin(NOTHING, "sm_90")
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    assert cubin(NOTHING, "sm_90") == path
    assert path.read_bytes() == whole
    assert f"{path} is damaged: the kernel is compiled anew" in caplog.text


@needs_nvrtc
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    path = cubin(NOTHING, "sm_90")
    path.unlink()
    path.mkdir()
    with pytest.raises(UnavailableError, match=r"the kernel cache cannot be read: .* directory"):
        cubin(NOTHING, "sm_90")


@needs_nvrtc
def test_a_fault_is_told_with_the_compilers_words() -> None:
    with pytest.raises(UnavailableError, match=r"not compile the kernel for sm_80:\n.*undefined"):
        compiled("int f() { return nothing; }", "sm_80")


@needs_nvrtc
@pytest.mark.parametrize("arch", ["sm_35", "sm_999"])
def test_a_card_that_nvrtc_does_not_know_is_told(arch: str) -> None:
    with pytest.raises(UnavailableError, match=rf"card: expected one of sm_.*, found {arch}$"):
        compiled(NOTHING, arch)


def test_without_the_binding_it_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    nvrtc._nvrtc.cache_clear()
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(UnavailableError, match="the package cuda-bindings is not installed"):
        compiled(NOTHING, "sm_80")
