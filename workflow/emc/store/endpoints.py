"""End points kept for certification: parameters of some probes and the probes themselves."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from emc.errors import EmcError
from emc.records import Probe
from emc.store.atomic import write_bytes_atomically
from emc.store.rows import probe_from_row, probe_row

Endpoint = tuple[Probe, dict[str, np.ndarray]]


def write_endpoints(path: Path, endpoints: Sequence[Endpoint]) -> None:
    """Write probes with their parameters, float32 by name, and a checksum of it all."""
    tensors = {
        f"{index}/{name}": np.asarray(tensor, order="C")
        for index, (_, parameters) in enumerate(endpoints)
        for name, tensor in parameters.items()
    }
    rows = json.dumps([probe_row(probe) for probe, _ in endpoints])
    metadata = {"probes": rows, "checksum": _checksum(rows, tensors)}
    write_bytes_atomically(path, save_tensors(tensors, metadata=metadata))


def read_endpoints(path: Path, cell: str) -> list[Endpoint]:
    """The end points of `cell`.

    Raises:
        EmcError: the file is missing, damaged, or another cell's.
    """
    again = "remove it and run the rule measure again"
    try:
        blob = path.read_bytes()
        tensors = load_tensors(blob)
        length = int.from_bytes(blob[:8], "little")
        metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
        if metadata["checksum"] != _checksum(metadata["probes"], tensors):
            raise ValueError("their checksum does not hold")  # noqa: TRY301
        probes = [probe_from_row(row) for row in json.loads(metadata["probes"])]
    except FileNotFoundError:
        raise EmcError(f"{path}: no such file; the rule measure makes it for {cell}") from None
    except (SafetensorError, ValueError, KeyError, TypeError, OSError) as error:
        raise EmcError(f"{path}: end points of {cell} are damaged ({error}); {again}") from None
    if any(probe.cell != cell for probe in probes):
        raise EmcError(f"{path}: end points of {probes[0].cell}, not of {cell}; {again}")
    return [(probe, _parameters(tensors, index)) for index, probe in enumerate(probes)]


def _checksum(rows: str, tensors: Mapping[str, np.ndarray]) -> str:
    value = crc32(rows.encode())
    for name, tensor in sorted(tensors.items()):
        value = crc32(f"{name} {tensor.dtype} {tensor.shape}".encode(), value)
        value = crc32(tensor.tobytes(), value)
    return f"{value:08x}"


def _parameters(tensors: dict[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
    prefix = f"{index}/"
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
