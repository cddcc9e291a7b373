"""Files that are there whole or not at all, whenever the writer is killed."""

import errno
import fcntl
import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from time import time
from typing import IO, Final

from emc.errors import FileError

_SECONDS_TO_LOCK: Final = 10.0
_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a new, empty file beside `path`; on success it is synced and takes its place.

    What writers of the same file left that were killed is removed first.

    Raises:
        FileError: the folder cannot be written, or the disk is full; what was there before is kept.
    """
    partial = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(path)
        held = partial.open("xb")
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error}") from None
    try:
        with suppress(OSError):  # a file system without locks keeps its leftovers
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield partial
        _sync(partial)
        partial.replace(path)
    except OSError as error:
        if path.is_dir():
            raise FileError(
                f"{path}: cannot be written: a folder is in its place; remove it"
            ) from None
        if error.errno not in _NO_ROOM:
            raise
        raise FileError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        held.close()
        partial.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a whole file."""
    with write_atomically(path) as partial:
        partial.write_bytes(content)


def write_text_atomically(path: Path, content: str) -> None:
    """Write a whole text file in UTF-8."""
    write_bytes_atomically(path, content.encode())


def clear_leftovers(path: Path, older_than: float = _SECONDS_TO_LOCK) -> None:
    """Remove what killed writers of this file left: a lock tells those that live.

    `older_than`, in seconds, leaves a new writer the time to take its lock.
    """
    for partial in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError), partial.open("r+b") as file:
            if time() - partial.stat().st_mtime > older_than:
                _refuse_locked(file)
                _remove(partial)


def _refuse_locked(file: IO[bytes]) -> None:
    """DuckDB makes a file of its own in the place of the one given, with a lock of its own kind.

    Raises:
        OSError: another process has a lock on it, or there are no locks.
    """
    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.lockf(file, fcntl.LOCK_UN)  # where both kinds are one it would refuse the next
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _remove(partial: Path) -> None:
    """Remove it last, after the log and the folder that DuckDB has beside its file."""
    for left in sorted(partial.parent.glob(f"{glob.escape(partial.name)}*"), reverse=True):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
