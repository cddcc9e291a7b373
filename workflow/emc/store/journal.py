"""The journal of a cell: finished rounds, each there whole or not at all.

A journal is a file of records: magic, length, CRC-32, then a safetensors blob whose metadata
holds the round's probes as JSON and whose tensors are their end points. Records are appended and
handed to the kernel at once, so that they outlive a killed process; a record that a dying machine
tore is dropped at the next opening, and the deterministic search measures that round again.

It outlives the measurement, without the end points that decide nothing: Snakemake deletes the
outputs of a job whose end it did not see, and the next job then answers from the journal.
"""

import fcntl
import json
import logging
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Final
from zlib import crc32

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from emc.errors import FileError
from emc.records import Probe
from emc.store.atomic import clear_leftovers, write_atomically
from emc.store.checkpoint import beside
from emc.store.rows import probe_from_row, probe_row

Parameters = dict[str, np.ndarray]

_MAGIC: Final = b"EMC1"
_HEAD: Final = struct.Struct("<4sQI")
_SECONDS_BETWEEN_SYNCS: Final = 5.0
_TRIES: Final = 10

log = logging.getLogger(__name__)


class InUseError(FileError):
    """Another process is measuring the cell."""

    def __init__(self, path: Path) -> None:
        """`path` is the journal."""
        super().__init__(f"{path}: another process is measuring this cell")


class Journal:
    """Finished rounds of one cell; only one process may have it open.

    Raises:
        InUseError: another process has it open.
        FileError: the folder cannot be written.
    """

    def __init__(self, path: Path, cell: str) -> None:
        """Open the journal of `cell`, or begin it; rounds that are whole are kept."""
        self.path = path
        self.cell = cell
        self._file = _open_locked(path)
        self._places: list[int] = []
        self._rounds: list[list[Probe]] = []
        self._synced = monotonic()
        try:
            self._recover()
        except FileError:
            self.close()
            raise

    @property
    def rounds(self) -> Sequence[Sequence[Probe]]:
        """Probes of the finished rounds, in order."""
        return self._rounds

    @property
    def probes(self) -> list[Probe]:
        """All probes, in order."""
        return [probe for one in self._rounds for probe in one]

    def append(self, probes: Sequence[Probe], endpoints: Sequence[Parameters]) -> None:
        """Add a finished round and the end points of its probes; its checkpoint goes.

        Raises:
            FileError: the disk does not take it; what was there before is kept.
        """
        place = self._file.seek(0, os.SEEK_END)
        try:
            _write_whole(self._file, _record(probes, endpoints))
            self._sync_now_and_then()
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(place)
            raise FileError(f"{self.path}: the round cannot be saved: {error}") from None
        self._places.append(place)
        self._rounds.append(list(probes))
        beside(self.path).unlink(missing_ok=True)

    def endpoint(self, probe: Probe) -> Parameters:
        """End point of a probe in the journal.

        Raises:
            FileError: `finish` let go of it.
        """
        self._file.seek(self._places[probe.round])
        blob = _read_record(self._file)
        assert blob is not None
        prefix = f"{probe.replica}/"
        tensors = load_tensors(blob)
        found = {
            name.removeprefix(prefix): tensor
            for name, tensor in tensors.items()
            if name.startswith(prefix)
        }
        if not found:
            raise FileError(
                f"{self.path}: it no longer has the end point of round {probe.round}, replica"
                f" {probe.replica}; remove it"
            )
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def finish(self, kept: Sequence[Probe]) -> None:
        """The search is over: close the file, and drop all end points except those of `kept`.

        Raises:
            FileError, OSError: the disk does not take it; what was there before is kept.
        """
        with write_atomically(self.path) as partial, partial.open("wb") as file:
            for probes in self._rounds:
                ends = [self.endpoint(probe) if probe in kept else {} for probe in probes]
                file.write(_record(probes, ends))
        self.close()

    def _recover(self) -> None:
        self._file.seek(0)
        place = 0
        for probes in _rounds(self._file, self.path):
            if any(probe.cell != self.cell for probe in probes):
                raise FileError(
                    f"{self.path}: expected the journal of {self.cell}, found that of"
                    f" {probes[0].cell}; remove it"
                )
            self._places.append(place)
            self._rounds.append(probes)
            place = self._file.tell()
        if self._file.seek(0, os.SEEK_END) > place:
            log.warning(
                "%s: what follows round %d is damaged and is measured again",
                self.path,
                len(self._rounds),
            )
            self._file.truncate(place)

    def _sync_now_and_then(self) -> None:
        if monotonic() - self._synced > _SECONDS_BETWEEN_SYNCS:
            os.fsync(self._file.fileno())
            self._synced = monotonic()


def read_rounds(path: Path) -> tuple[list[Probe], bool]:
    """Probes of a journal that may be in use, and whether a process has it open.

    Raises:
        FileError: it cannot be read, or is of another version.
    """
    probes: list[Probe] = []
    try:
        with path.open("rb") as file:
            for one in _rounds(file, path):
                probes += one
            return probes, _is_locked(file)
    except FileNotFoundError:
        return [], False
    except OSError as error:
        raise FileError(f"{path}: the journal cannot be read: {error.strerror}") from None


def in_use(path: Path) -> bool:
    """Whether a process has the journal open, without a look at its rounds.

    One that cannot be looked at is not in use: who opens it learns why.
    """
    try:
        with path.open("rb") as file:
            return _is_locked(file)
    except OSError:
        return False


def wish(path: Path) -> Path:
    """The file by which a cell's own job asks for a journal that a job of another cell has open."""
    return path.with_name("wanted")


def refuse_in_use(path: Path) -> None:
    """Say so before anything is taken that a measurement needs.

    Raises:
        InUseError: a process has the journal open.
    """
    if in_use(path):
        raise InUseError(path)


def forget(path: Path) -> None:
    """Remove a journal that no process has open: its rounds are safe elsewhere.

    With it goes what was killed as it was written: only who has the journal open writes there.

    Raises:
        FileError: the folder cannot be written.
    """
    try:
        with path.open("rb") as file:
            if not _is_locked(file):
                for written in (beside(path), path):
                    clear_leftovers(written, older_than=0.0)
                    written.unlink(missing_ok=True)
    except FileNotFoundError:
        return
    except OSError as error:
        raise FileError(f"{path}: the journal cannot be removed: {error}") from None


def _open_locked(path: Path) -> IO[bytes]:
    """Open and lock the file, again where its last owner removed it in between."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("a+b", buffering=0)
        except OSError as error:
            raise FileError(f"{path}: the journal cannot be opened: {error}") from None
        try:
            _lock(file)
            if _lies_at(path, file):
                return file
        except BlockingIOError:
            file.close()
            raise InUseError(path) from None
        except OSError as error:
            file.close()
            raise FileError(f"{path}: the journal cannot be locked: {error}") from None
        file.close()


def _lies_at(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: IO[bytes]) -> None:
    """Take the lock; a process that only looks whether it is taken lets go of it at once."""
    for _ in range(_TRIES):
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        sleep(0.02)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_whole(file: IO[bytes], content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _is_locked(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _read_whole(file: IO[bytes], length: int) -> bytes:
    """Read to the end of what is wanted or of the file: one call may bring less, 2 GiB at most."""
    parts = []
    while length and (part := file.read(length)):
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _record(probes: Sequence[Probe], endpoints: Sequence[Parameters]) -> bytes:
    tensors = {
        f"{probe.replica}/{name}": np.asarray(tensor, order="C")
        for probe, parameters in zip(probes, endpoints, strict=True)
        for name, tensor in parameters.items()
    }
    rows = json.dumps([probe_row(probe) for probe in probes])
    blob = save_tensors(tensors, metadata={"probes": rows})
    return _HEAD.pack(_MAGIC, len(blob), crc32(blob)) + blob


def _read_record(file: IO[bytes]) -> bytes | None:
    """The next record's blob, or None at the end or where the file is damaged."""
    head = _read_whole(file, _HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, length, checksum = _HEAD.unpack(head)
    left = os.fstat(file.fileno()).st_size - file.tell()
    if magic != _MAGIC or length > left:
        return None
    blob = _read_whole(file, length)
    return blob if crc32(blob) == checksum else None


def _rounds(file: IO[bytes], path: Path) -> Iterator[list[Probe]]:
    """Probes of each round, up to the first that is damaged or out of turn."""
    number = 0
    while (blob := _read_record(file)) is not None:
        probes = _probes(blob, path)
        if any(probe.round != number for probe in probes):
            return
        yield probes
        number += 1


def _probes(blob: bytes, path: Path) -> list[Probe]:
    length = int.from_bytes(blob[:8], "little")
    try:
        metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
        return [probe_from_row(row) for row in json.loads(metadata["probes"])]
    except (KeyError, TypeError, ValueError) as error:
        raise FileError(f"{path}: journal of another version ({error!r}); remove it") from None
