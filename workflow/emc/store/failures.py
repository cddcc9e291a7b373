"""Failures of cells and data sets: one document each, beside the empty files left as outputs.

A storage keeps outputs only, so empty ones without a document are a failure, too.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from emc.errors import FileError, in_one_line
from emc.records import Failure
from emc.store.atomic import write_bytes_atomically, write_text_atomically
from emc.store.documents import write_document
from emc.store.layout import CellFiles, data_failure


def write_failure(path: Path, failure: Failure) -> None:
    """Write the document, its reason in one line, then each of the outputs as an empty file."""
    write_document(path, asdict(_in_one_line(failure)))
    for name in failure.outputs:
        write_bytes_atomically(path.with_name(name), b"")


def read_failure(path: Path) -> Failure:
    """The failure that `write_failure` was given, its reason in one line.

    Call it where something failed: if the document is damaged its reason names the file, if there
    is none the log of the job, and its outputs are all empty files beside it.
    """
    if not path.exists():
        empty = tuple(_empty_beside(path))
        reason = f"{', '.join(empty)}: empty; {_log(path)} says why"
        return Failure(path.parent.name, _stage(path), reason, empty)
    try:
        return _in_one_line(_from_document(json.loads(path.read_bytes()), path))
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        cell = path.parent.name
        remedy = f"`emc retry STUDY {cell}` clears it"
        reason = f"{path}: damaged ({error}), so what failed is not known; {remedy}"
        failure = Failure(cell, _stage(path), reason, tuple(_empty_beside(path)))
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
    without = measurement_failed(files)
    for path, outputs in _places(files, settings, seeds).items():
        # After a measurement that failed, later stages leave empty files and are no failures.
        measure = _stage(path) == "measure"
        if path.exists() or ((measure or not without) and _all_empty(outputs)):
            yield read_failure(path)


def measurement_failed(files: CellFiles) -> bool:
    """Whether the measurement of a cell left its failure, or empty files."""
    return files.failure("measure").exists() or _all_empty(_measured(files))


def failed_data(folder: Path) -> Failure | None:
    """Why the data set of a folder could not be prepared, or None if nothing failed."""
    path = data_failure(folder)
    failed = path.exists() or (folder.is_dir() and any(_empty_beside(path)))
    return read_failure(path) if failed else None


def clear(files: CellFiles, failure: Failure, settings: str, seeds: int) -> None:
    """Remove a failure that `failures` found of a cell, so that the next run tries again.

    Raises:
        FileError: the folder cannot be written.
    """
    for path in _places(files, settings, seeds):
        # Its outputs tell nothing: those of a damaged document may have gone with another's.
        if _stage(path) == failure.stage:
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
        path.unlink(missing_ok=True)
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
    if not isinstance(document["outputs"], list):
        raise TypeError(f"outputs: {document['outputs']!r}")
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


def _places(files: CellFiles, settings: str, seeds: int) -> dict[Path, Sequence[Path]]:
    """Where each stage's failure would be written, with the stage's outputs."""
    return {
        files.failure("measure"): _measured(files),
        files.failure(f"certify-{settings}"): [files.certificate(settings)],
        files.failure(f"generalise-{seeds}"): [files.generalisation(seeds)],
    }


def _measured(files: CellFiles) -> Sequence[Path]:
    return files.probes, files.estimate, files.endpoints


def _all_empty(outputs: Sequence[Path]) -> bool:
    """Of those that are there: one among others is damaged, and no failure."""
    sizes = [output.stat().st_size for output in outputs if output.exists()]
    return bool(sizes) and not any(sizes)


def _log(path: Path) -> Path:
    """The log of the job whose failure this would be."""
    stage, dash, asked = path.stem.removeprefix("failure-").partition("-")
    return Path("results/logs") / stage / f"{path.parent.name}{dash}{asked}.log"
