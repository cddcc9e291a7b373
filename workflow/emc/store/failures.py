"""Failures of cells and data sets: a document each, beside the empty files left as outputs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from emc.errors import FileError, in_one_line
from emc.records import Failure
from emc.store.atomic import write_bytes_atomically, write_text_atomically
from emc.store.documents import write_document
from emc.store.layout import CellFiles


def write_failure(path: Path, failure: Failure) -> None:
    """Write the document, its reason in one line, then each of the outputs as an empty file."""
    write_document(path, asdict(_in_one_line(failure)))
    for name in failure.outputs:
        write_bytes_atomically(path.with_name(name), b"")


def read_failure(path: Path) -> Failure:
    """The failure that `write_failure` was given, its reason in one line.

    Where there is a document something failed, so a damaged one is a failure, too: its reason
    names the file, and its outputs are all empty files beside it.
    """
    try:
        return _in_one_line(_from_document(json.loads(path.read_bytes()), path))
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        reason = f"{path}: damaged ({error}), so what failed is not known; `emc retry` clears it"
        failure = Failure(path.parent.name, _stage(path), reason, tuple(_empty_beside(path)))
        return _in_one_line(failure)


def count_try(path: Path) -> int:
    """Note beside the failure to come that memory ran out once more; the number of times.

    A damaged note counts as none.

    Raises:
        FileError: the folder cannot be written.
    """
    note = _tries(path)
    try:
        before = max(0, int(note.read_bytes()))
    except (OSError, ValueError):
        before = 0
    write_text_atomically(note, f"{before + 1}\n")
    return before + 1


def forget_tries(path: Path) -> None:
    """Begin to count anew.

    Raises:
        FileError: the folder cannot be written.
    """
    _remove(_tries(path))


def forget_failure(path: Path) -> None:
    """Remove an earlier failure, if there is one, of what is tried again.

    Raises:
        FileError: the folder cannot be written.
    """
    _remove(path)


def failures(files: CellFiles, settings: str, seeds: int) -> Iterator[Failure]:
    """What failed of a cell.

    `settings` names the certificates that are wanted, `seeds` how many runs on the whole training
    set: what failed of others is another study's.
    """
    for path in _places(files, settings, seeds):
        if path.exists():
            yield read_failure(path)


def clear(files: CellFiles, failure: Failure, settings: str, seeds: int) -> None:
    """Remove a failure that `failures` found of a cell, so that the next run tries again.

    Raises:
        FileError: the folder cannot be written.
    """
    for path in _places(files, settings, seeds):
        # Its outputs tell nothing: those of a damaged document may have gone with another's.
        if path.exists() and _stage(path) == failure.stage:
            # Later stages repeat by empty files that the measurement failed.
            measured = failure.stage == "measure"
            _clear(path, _empty_beside(path) if measured else read_failure(path).outputs)


def clear_document(path: Path) -> None:
    """Remove a failure and the empty outputs it left.

    Raises:
        FileError: the folder cannot be written.
    """
    _clear(path, read_failure(path).outputs)


def _clear(path: Path, outputs: Iterable[str]) -> None:
    try:
        for name in outputs:
            output = path.with_name(name)
            if output.exists() and not output.stat().st_size:
                output.unlink()
        path.unlink()
    except OSError as error:
        raise FileError(f"{path.parent}: its failure cannot be cleared: {error}") from None


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise FileError(f"{path}: cannot be removed: {error.strerror}") from None


def _from_document(document: Any, path: Path) -> Failure:
    if not isinstance(document, dict):
        raise TypeError("not a JSON object")
    outputs = tuple(str(name) for name in document["outputs"])
    failure = Failure(**{**document, "outputs": outputs})
    if (failure.cell, failure.stage) != (path.parent.name, _stage(path)):
        raise ValueError(f"it is of {failure.cell!r}, stage {failure.stage!r}")
    if not isinstance(failure.reason, str):
        raise TypeError(f"reason: {failure.reason!r}")
    for name in outputs:
        if name in ("", "..") or Path(name).name != name:
            raise ValueError(f"outputs: {name!r} names no file beside it")
    return failure


def _in_one_line(failure: Failure) -> Failure:
    """Tables and databases take no other reason, and terminals obey what is in it."""
    return replace(failure, reason=in_one_line(failure.reason))


def _stage(path: Path) -> str:
    """From a name such as failure-measure.json or failure-generalise-<seeds>.json."""
    return path.stem.removeprefix("failure-").partition("-")[0]


def _empty_beside(path: Path) -> Iterator[str]:
    for beside in sorted(path.parent.iterdir()):
        hidden = beside.name.startswith(".")  # another job writes it just now
        if beside.is_file() and not hidden and not beside.stat().st_size and beside != path:
            yield beside.name


def _tries(path: Path) -> Path:
    return path.with_suffix(".tries")


def _places(files: CellFiles, settings: str, seeds: int) -> list[Path]:
    stages = ("measure", f"certify-{settings}", f"generalise-{seeds}")
    return [files.failure(stage) for stage in stages]
