"""Kernels for NVIDIA's cards, compiled by NVRTC once per code and kind of card.

No card or driver is needed for that. NVRTC and its binding come with torch's wheels for CUDA, as
`nvidia-cuda-nvrtc` and `cuda-bindings`. The code lies beside the processor's kernels, see `build`.
"""

import logging
import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from emc.native.build import HEADERS, folder_of_programs, headers, made_whole
from emc.native.unavailable import UnavailableError

_FLAGS: Final = (
    "--std=c++17",
    "--device-as-default-execution-space",
    "--ptxas-options=-v",
)
_SEAL: Final = 16
"""Bytes of the digest that a file begins with."""
_REGISTERS: Final = re.compile(r"Used (\d+) registers")
_SPILLED: Final = re.compile(r"(\d+) bytes spill stores")


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cubin:
    """A kernel's code for one kind of card.

    A thread of it takes `registers` 32-bit registers, and stores `spilled` bytes that found no
    room there.
    """

    binary: bytes
    registers: int
    spilled: int


def compiled(code: str, arch: str) -> Cubin:
    """The kernel of a code for an architecture such as "sm_90"; its headers lie in `kernel/`.

    Raises:
        UnavailableError: NVRTC is not installed, does not know the architecture, or finds a fault.
    """
    nvrtc = _nvrtc()
    _check_known(arch)
    program = _done(nvrtc.nvrtcCreateProgram(code.encode(), b"emc.cu", 0, [], []))
    options = [flag.encode() for flag in (*_FLAGS, f"-I{HEADERS}", f"--gpu-architecture={arch}")]
    (failed,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
    said = _log(nvrtc, program)
    if failed.value:
        raise UnavailableError(f"NVRTC does not compile the kernel for {arch}:\n{said}")
    binary = bytes(_done(nvrtc.nvrtcGetCUBINSize(program)))
    _done(nvrtc.nvrtcGetCUBIN(program, binary))
    _done(nvrtc.nvrtcDestroyProgram(program))
    return Cubin(binary, _largest(_REGISTERS, said), _largest(_SPILLED, said))


def cubin(code: str, arch: str) -> Path:
    """The file of a kernel's code, compiled now if the cache lacks it or holds a damaged one.

    Raises UnavailableError.
    """
    path = folder_of_programs("kernels") / f"{_key(code, arch)}.cubin"
    try:
        held = path.read_bytes()
        if _sealed(held[_SEAL:]) == held:
            return path
        log.warning("%s is damaged: the kernel is compiled anew", path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UnavailableError(f"the kernel cache cannot be read: {error}") from error
    recompile(code, arch, path)
    return path


def binary_of(path: Path) -> bytes:
    """What the driver loads of a file that `cubin` gave."""
    return path.read_bytes()[_SEAL:]


def recompile(code: str, arch: str, path: Path) -> None:
    """Compile a kernel to `path`, which appears whole or not at all."""

    def write(to: Path) -> None:
        to.write_bytes(_sealed(compiled(code, arch).binary))

    made_whole(path, write)


def _sealed(binary: bytes) -> bytes:
    """A binary after its own digest: a driver may read beyond the end of one that is cut short."""
    return blake2b(binary, digest_size=_SEAL).digest() + binary


def _key(code: str, arch: str) -> str:
    digest = blake2b(digest_size=16)
    for part in (code, headers(), *_FLAGS, arch, _version()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def _check_known(arch: str) -> None:
    known = [f"sm_{number}" for number in _done(_nvrtc().nvrtcGetSupportedArchs())]
    if arch not in known:
        raise UnavailableError(
            f"card: expected one of {', '.join(known)}, for which NVRTC {_version()} compiles,"
            f" found {arch}"
        )


@cache
def _version() -> str:
    _, major, minor = _nvrtc().nvrtcVersion()
    return f"{major}.{minor}"


@cache
def _nvrtc() -> Any:
    try:
        from cuda.bindings import nvrtc
        from cuda.pathfinder import DynamicLibNotFoundError
    except ImportError as error:
        raise UnavailableError(f"the package cuda-bindings is not installed: {error}") from error
    try:
        nvrtc.nvrtcVersion()
    except DynamicLibNotFoundError as error:
        raise UnavailableError(
            f"the package nvidia-cuda-nvrtc is not installed: {error}"
        ) from error
    return nvrtc


def _done(answer: tuple[Any, ...]) -> Any:
    """What a call of NVRTC gives beside its status, if anything."""
    status, *values = answer
    if status.value:
        raise UnavailableError(f"NVRTC answers {status.name}")
    return values[0] if values else None


def _log(nvrtc: Any, program: Any) -> str:
    text = bytes(_done(nvrtc.nvrtcGetProgramLogSize(program)))
    _done(nvrtc.nvrtcGetProgramLog(program, text))
    return text.rstrip(b"\0 ").decode(errors="replace")


def _largest(pattern: re.Pattern[str], text: str) -> int:
    return max(map(int, pattern.findall(text)), default=0)
