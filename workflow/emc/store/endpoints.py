"""End points kept for certification: parameters of some probes and the probes themselves."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emc.errors import FileError
from emc.records import Probe
from emc.store.atomic import write_bytes_atomically
from emc.store.layout import REMADE_BY
from emc.store.rows import probe_from_row, probe_row
from emc.store.sealed import DamageError, sealed, unsealed

Endpoint = tuple[Probe, dict[str, np.ndarray]]


def write_endpoints(path: Path, endpoints: Sequence[Endpoint]) -> None:
    """Write probes with their parameters, float32 by name, and a checksum of it all."""
    tensors = {
        f"{index}/{name}": tensor
        for index, (_, parameters) in enumerate(endpoints)
        for name, tensor in parameters.items()
    }
    rows = json.dumps([probe_row(probe) for probe, _ in endpoints])
    write_bytes_atomically(path, sealed("probes", rows, tensors))


def read_endpoints(path: Path, cell: str) -> list[Endpoint]:
    """The end points of `cell`.

    Raises:
        FileError: the file is missing, damaged, or another cell's.
    """
    again = f"remove it and run {REMADE_BY} again"
    try:
        rows, tensors = unsealed("probes", path.read_bytes())
        probes = [probe_from_row(row) for row in json.loads(rows)]
    except FileNotFoundError:
        raise FileError(f"{path}: no such file; {REMADE_BY} makes it for {cell}") from None
    except (DamageError, ValueError, KeyError, TypeError, OSError) as error:
        raise FileError(f"{path}: end points of {cell} are damaged ({error}); {again}") from None
    if any(probe.cell != cell for probe in probes):
        raise FileError(f"{path}: expected end points of {cell}, found {probes[0].cell}; {again}")
    return [(probe, _parameters(tensors, index)) for index, probe in enumerate(probes)]


def _parameters(tensors: dict[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
    prefix = f"{index}/"
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
