"""Tensors and a text in one safetensors blob, with a checksum of it all."""

import json
from collections.abc import Mapping
from zlib import crc32

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors


class DamageError(Exception):
    """A blob is not as it was sealed."""


def sealed(name: str, text: str, tensors: Mapping[str, np.ndarray]) -> bytes:
    """Arrays of any numeric type and shape with a text, which `name` says what it is."""
    ordered = {key: np.asarray(tensor, order="C") for key, tensor in tensors.items()}
    return save_tensors(ordered, metadata={name: text, "checksum": _checksum(text, ordered)})


def unsealed(name: str, blob: bytes) -> tuple[str, dict[str, np.ndarray]]:
    """The text and the arrays; nothing in a blob is ever executed.

    Raises:
        DamageError: the blob is no sealed one, or was altered.
    """
    try:
        tensors = load_tensors(blob)
        length = int.from_bytes(blob[:8], "little")
        metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
        text, checksum = metadata[name], metadata["checksum"]
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DamageError(str(error)) from None
    if checksum != _checksum(text, tensors):
        raise DamageError("their checksum does not hold")
    return text, tensors


def _checksum(text: str, tensors: Mapping[str, np.ndarray]) -> str:
    value = crc32(text.encode())
    for name, tensor in sorted(tensors.items()):
        value = crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), value)
        value = crc32(tensor.tobytes(), value)
    return f"{value:08x}"
