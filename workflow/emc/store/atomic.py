"""Files that are there whole or not at all, whenever the writer is killed."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Final

from emc.errors import FileError

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def write_atomically(path: Path) -> Iterator[Path]:
    """Give a new, empty file beside `path`; on success it is synced and takes its place.

    Raises:
        FileError: the folder cannot be written, or the disk is full; what was there before is kept.
    """
    partial = path.with_name(f".{path.name}.{token_hex(8)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.touch(exist_ok=False)
    except OSError as error:
        raise FileError(f"{path}: cannot be written: {error}") from None
    try:
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
        partial.unlink(missing_ok=True)


def write_bytes_atomically(path: Path, content: bytes) -> None:
    """Write a whole file."""
    with write_atomically(path) as partial:
        partial.write_bytes(content)


def write_text_atomically(path: Path, content: str) -> None:
    """Write a whole text file in UTF-8."""
    write_bytes_atomically(path, content.encode())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
