"""Tensor files in the safetensors format, opened and filled through memory maps.

A file is an 8-byte little-endian header length, a JSON header, then the tensors' bytes one after
another (https://github.com/huggingface/safetensors#format). Opening reads the header alone, so
that a file of any size is open at once.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from operator import index
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from emc.errors import FileError
from emc.store.atomic import write_atomically
from emc.store.rebuilt import missing, unusable

_CODES: Final = {"int64": "I64", "float64": "F64", "float32": "F32", "uint8": "U8"}
_DTYPES: Final = {code: np.dtype(name) for name, code in _CODES.items()}
_LONGEST_HEADER: Final = 100_000_000
"""Bytes; the format's own limit."""


class Spec(NamedTuple):
    """Type and shape of a tensor: uint8, int64, float32 or float64."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Size in the file."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class _DamageError(Exception):
    """Why a file is no tensor file."""


@contextmanager
def stream_tensors(
    path: Path, specs: Mapping[str, Spec], metadata: Mapping[str, str]
) -> Iterator[dict[str, np.ndarray]]:
    """Give zeroed arrays, memory maps of the file to be, for the caller to fill.

    The file may be larger than memory. It takes its place when the block ends, and not at all
    when the block raises.

    Raises:
        FileError: the disk has no room for the file.
    """
    header, offsets = _header(specs, metadata)
    size = len(header) + sum(spec.bytes for spec in specs.values())
    with write_atomically(path) as partial:
        _reserve(partial, header, size, path)
        maps = {
            name: _mapped(partial, "r+", spec, len(header) + offsets[name])
            for name, spec in specs.items()
        }
        yield {name: np.asarray(array) for name, array in maps.items()}
        for array in maps.values():
            if isinstance(array, np.memmap):
                array.flush()


def open_tensors(path: Path, rebuilt_by: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Read-only memory-mapped arrays by name, and the file's metadata.

    Raises:
        FileError: the file is missing, cut short, altered or in another format; `rebuilt_by`
            tells the user what writes it.
    """
    try:
        start, header = _read_header(path)
        metadata = header.pop("__metadata__", {})
        layout = {name: _entry(name, entry) for name, entry in header.items()}
        _check_size(path.stat().st_size - start, layout)
    except FileNotFoundError:
        raise missing(path, rebuilt_by) from None
    except (_DamageError, OSError) as error:
        raise unusable(path, f"damaged or no tensor file: {error}", rebuilt_by) from None
    arrays = {
        name: np.asarray(_mapped(path, "r", spec, start + offset))
        for name, (spec, offset) in layout.items()
    }
    return arrays, metadata


def _header(specs: Mapping[str, Spec], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, int]]:
    """Length and JSON header, and where each tensor starts after them.

    Wide types come first and the header is padded, so that every tensor is aligned.
    """
    ordered = sorted(specs, key=lambda name: -np.dtype(specs[name].dtype).itemsize)
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    offsets, end = {}, 0
    for name in ordered:
        spec, begin = specs[name], end
        end = begin + spec.bytes
        entries[name] = {
            "dtype": _CODES[spec.dtype],
            "shape": spec.shape,
            "data_offsets": (begin, end),
        }
        offsets[name] = begin
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, offsets


def _reserve(partial: Path, header: bytes, size: int, path: Path) -> None:
    """Write the header and claim the disk space: a map of a full disk would kill the process."""
    with partial.open("r+b") as file:
        file.write(header)
        file.flush()
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:  # macOS
                file.truncate(size)
        except OSError as error:
            room = f"{size / 1e9:.3g} GB"
            raise FileError(f"{path}: no room for its {room} ({error.strerror})") from None


def _mapped(path: Path, mode: Any, spec: Spec, offset: int) -> np.ndarray:
    if not spec.bytes:  # a map cannot be empty
        return np.empty(spec.shape, spec.dtype)
    return np.memmap(path, spec.dtype, mode, offset, spec.shape)


def _read_header(path: Path) -> tuple[int, dict[str, Any]]:
    """Where the tensors start, and the header."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _LONGEST_HEADER:
            raise _DamageError("it does not start with a header")
        text = file.read(length)
    if len(text) < length or not length:
        raise _DamageError("its header is cut short")
    try:
        header = json.loads(text)
    except ValueError as error:
        raise _DamageError(f"its header is no JSON ({error})") from None
    if not isinstance(header, dict):
        raise _DamageError("its header is no JSON object")
    return 8 + length, header


def _entry(name: str, entry: Any) -> tuple[Spec, int]:
    """A tensor's type and shape, and where it starts after the header."""
    try:
        code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        spec = Spec(_DTYPES[code].name, tuple(map(index, shape)))
        begin, end = index(begin), index(end)
    except (KeyError, TypeError, ValueError):
        raise _DamageError(f"its header's entry {name!r} is {entry!r}") from None
    if min(begin, *spec.shape, 0) < 0 or end - begin != spec.bytes:
        raise _DamageError(f"tensor {name!r} of {code} {shape} has {end - begin} bytes")
    return spec, begin


def _check_size(found: int, layout: Mapping[str, tuple[Spec, int]]) -> None:
    """Tensors must lie one behind the other and fill the file."""
    wanted = 0
    for name, (spec, offset) in sorted(layout.items(), key=lambda item: item[1][1]):
        if offset != wanted and spec.bytes:
            raise _DamageError(f"tensor {name!r} starts at {offset}, not at {wanted}")
        wanted += spec.bytes
    if found != wanted:
        raise _DamageError(f"its tensors have {found} bytes, its header says {wanted}")
