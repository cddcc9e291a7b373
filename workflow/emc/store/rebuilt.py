"""What is said of a file that cannot be used, with the command that makes it anew."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emc.errors import FileError


def missing(path: Path, rebuilt_by: str) -> FileError:
    """The error of a file that is not there."""
    return FileError(f"{path}: no such file; {rebuilt_by} makes it")


def unusable(path: Path, fault: str, rebuilt_by: str) -> FileError:
    """The error of a file that is there, and what is wrong with it."""
    return FileError(f"{path}: {fault}; remove it: {rebuilt_by} remakes it")


@contextmanager
def reading_entries(path: Path, rebuilt_by: str) -> Iterator[None]:
    """Tell what goes wrong as the entries of a document are read.

    Raises:
        FileError: an entry is missing, of another type or impossible.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        fault = f"damaged ({type(error).__name__}: {error})"
        raise unusable(path, fault, rebuilt_by) from None
