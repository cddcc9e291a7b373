"""Failures of cells: a document each, beside the empty files that stand for the outputs."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from emc.errors import FileError
from emc.records import Failure
from emc.store.atomic import write_bytes_atomically
from emc.store.documents import read_document, write_document
from emc.store.layout import CellFiles


def write_failure(path: Path, failure: Failure) -> None:
    """Write the document, then each of the outputs as an empty file."""
    write_document(path, asdict(failure))
    for name in failure.outputs:
        write_bytes_atomically(path.with_name(name), b"")


def read_failure(path: Path) -> Failure:
    """The failure that `write_failure` was given.

    Raises:
        FileError: the document is missing or damaged.
    """
    document = read_document(path, rebuilt_by="the next run")
    try:
        outputs = tuple(str(name) for name in document.pop("outputs"))
        return Failure(outputs=outputs, **document)
    except (KeyError, TypeError) as error:
        raise FileError(f"{path}: damaged ({error}); remove it and what is empty there") from None


def failures(files: CellFiles, settings: str) -> Iterator[Failure]:
    """What failed of a cell; `settings` names the certificates that are wanted."""
    for path in _places(files, settings):
        if path.exists():
            yield read_failure(path)


def clear(files: CellFiles, failure: Failure, settings: str) -> None:
    """Remove a failure and the empty outputs it left, so that the next run tries again.

    Raises:
        FileError: the folder cannot be written.
    """
    try:
        for name in failure.outputs:
            output = files.folder / Path(name).name
            if output.exists() and not output.stat().st_size:
                output.unlink()
        for path in _places(files, settings):
            if path.exists() and read_failure(path) == failure:
                path.unlink()
    except OSError as error:
        raise FileError(f"{files.folder}: its failure cannot be cleared: {error}") from None


def _places(files: CellFiles, settings: str) -> list[Path]:
    stages = ("measure", f"certify-{settings}", "generalise")
    return [files.failure(stage) for stage in stages]
