"""Kernels compiled by the system's compiler, once per C++ code, flags and processor.

The compiler is `$CXX`, else the first of c++, g++ and clang++ on the path; `$CXXFLAGS` come last
on its command line. Libraries lie in `kernels` of the machine's cache.
"""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Final, TypeVar

from emc.errors import MachineError
from emc.native.unavailable import UnavailableError
from emc.store.cache import cache_folder

Loaded = TypeVar("Loaded")

HEADERS: Final = Path(__file__).parent / "kernel"
_FLAGS: Final = (
    *("-std=c++17", "-O3", "-ffp-contract=fast", "-fno-math-errno"),
    *("-shared", "-fPIC", "-x", "c++"),
)
_PROCESSOR_FLAGS: Final = ("-march=native", "-mcpu=native")


def library(code: str) -> Path:
    """The shared library of a kernel's C++ code, compiled now if the cache lacks it.

    Several processes may ask for the same one at once: each writes its own file, and the last to
    finish replaces the others' with the same content. Raises UnavailableError where it cannot be
    built, MachineError where the compiler was killed.
    """
    path = folder_of_programs("kernels") / f"{_key(code)}.so"
    if not path.exists():
        rebuild(code, path)
    return path


def loaded(code: str, load: Callable[[Path], Loaded]) -> Loaded:
    """What `load` makes of the library of some C++ code; a damaged one is built anew.

    `load` raises OSError for a file that is not a library. Raises UnavailableError.
    """
    path = library(code)
    with suppress(OSError):
        return load(path)
    rebuild(code, path)
    try:
        return load(path)
    except OSError as error:
        raise UnavailableError(f"the compiled kernel does not load: {error}") from error


def rebuild(code: str, path: Path) -> None:
    """Compile `code` to `path`, which appears whole or not at all."""
    made_whole(path, partial(_compile, code))


def made_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Let `make` write a file of the cache, which appears whole or not at all.

    Raises UnavailableError.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix="build-") as place:
            built = Path(place) / path.name
            make(built)
            with built.open("rb") as file:
                os.fsync(file.fileno())
            built.replace(path)
    except OSError as error:
        raise UnavailableError(f"the kernel cache cannot be written: {error}") from error


def _compile(code: str, to: Path) -> None:
    compiler = _compiler()
    _run([*compiler, *_FLAGS, *_target_flags(compiler), "-I", HEADERS, "-", "-o", to], code)


def folder_of_programs(kind: str) -> Path:
    """Where compiled programs of a kind lie: kernels, or torch's. Raises UnavailableError."""
    try:
        return cache_folder() / kind
    except MachineError as error:
        raise UnavailableError(str(error)) from error


def _key(code: str) -> str:
    compiler = _compiler()
    chosen = _target_flags(compiler)
    digest = blake2b(digest_size=16)
    for part in (code, headers(), *_FLAGS, *chosen, _target(compiler, chosen)):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


@cache
def headers() -> str:
    """All that a kernel's source may include."""
    return "\0".join(path.read_text() for path in sorted(HEADERS.glob("*.hpp")))


def _compiler() -> tuple[str, ...]:
    if chosen := os.environ.get("CXX"):
        return tuple(shlex.split(chosen))
    for name in ("c++", "g++", "clang++"):
        if found := shutil.which(name):
            return (found,)
    raise UnavailableError("no C++ compiler: found none of c++, g++, clang++ and no $CXX")


def _target_flags(compiler: tuple[str, ...]) -> tuple[str, ...]:
    return (*_processor_flags(compiler), *shlex.split(os.environ.get("CXXFLAGS", "")))


@cache
def _processor_flags(compiler: tuple[str, ...]) -> tuple[str, ...]:
    """The flag by which this compiler uses all of this processor; none if it knows none."""
    for flag in _PROCESSOR_FLAGS:
        try:
            _target(compiler, (flag,))
        except UnavailableError:
            continue
        return (flag,)
    return ()


@cache
def _target(compiler: tuple[str, ...], flags: tuple[str, ...]) -> str:
    """The compiler's predefined macros: its version and the processor's vector extensions."""
    return _run([*compiler, *flags, "-x", "c++", "-dM", "-E", "-"], "")


def _run(command: Sequence[str | Path], code: str) -> str:
    """What a compiler prints.

    A compiler that was killed has not said that it cannot: without kernels, or with those of other
    flags, the same cell would have other numbers, in the last digits.
    """
    try:
        done = subprocess.run(
            command, input=code, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise UnavailableError(f"the compiler does not start: {error}") from error
    if done.returncode:
        words = done.stderr.strip() or f"exit code {done.returncode}"
        failed = f"{shlex.join(map(str, command))}:\n{words}"
        if done.returncode < 0 or "signal" in done.stderr:
            raise MachineError(
                "the compiler was killed: the machine is short of memory, or the job was to stop;"
                f" the same command goes on. It was {failed}"
            )
        raise UnavailableError(f"the compiler failed, {failed}")
    return done.stdout
