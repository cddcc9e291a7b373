"""How far each cell of a study is, from the files it has left."""

from dataclasses import dataclass
from enum import StrEnum

from emc.errors import FileError
from emc.records import Estimate, Probe
from emc.store.checkpoint import beside
from emc.store.documents import read_document
from emc.store.failures import read_failure
from emc.store.journal import in_use, read_rounds
from emc.store.layout import REMADE_BY, CellFiles
from emc.store.rebuilt import unusable
from emc.store.rows import estimate_from_document


class Status(StrEnum):
    """What has become of a planned cell."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    DAMAGED = "damaged"
    STOPPED = "stopped"
    TO_DO = "to do"


@dataclass(frozen=True, slots=True)
class State:
    """A cell's status, its estimate or the probes in its journal, and what is wrong with it."""

    status: Status
    probes: tuple[Probe, ...] = ()
    reason: str = ""
    estimate: Estimate | None = None


def state(files: CellFiles) -> State:
    """Look at a cell's files.

    `stopped` is a measurement that was killed and can go on, `damaged` one whose answer, or whose
    journal before there is an answer, cannot be read.
    """
    probes, locked, odd = _journalled(files)
    if locked:
        return State(Status.RUNNING, probes)
    if files.failure("measure").exists():
        return State(Status.FAILED, probes, read_failure(files.failure("measure")).reason)
    if files.estimate.exists():
        return _answered(files)
    if odd:
        return State(Status.DAMAGED, reason=odd)
    begun = probes or beside(files.journal).exists()
    return State(Status.STOPPED if begun else Status.TO_DO, probes)


def _journalled(files: CellFiles) -> tuple[tuple[Probe, ...], bool, str]:
    """Probes of the journal, whether a process has it open, and why it cannot be read."""
    try:
        probes, locked = read_rounds(files.journal)
    except FileError as error:
        return (), in_use(files.journal), str(error)
    return tuple(probes), locked, ""


def _answered(files: CellFiles) -> State:
    try:
        estimate = read_estimate(files)
    except FileError as error:
        return State(Status.DAMAGED, reason=str(error))
    return State(Status.DONE, estimate=estimate)


def read_estimate(files: CellFiles) -> Estimate:
    """The answer of a measured cell.

    Raises:
        FileError: it is missing or damaged, or of another version or cell.
    """
    document = read_document(files.estimate, REMADE_BY)
    try:
        found = estimate_from_document(document)
    except (KeyError, TypeError, ValueError) as error:
        fault = f"not an estimate of this version ({error})"
        raise unusable(files.estimate, fault, REMADE_BY) from None
    if found.cell != files.folder.name:
        fault = f"expected the answer of its folder's cell, found that of {found.cell!r}"
        raise unusable(files.estimate, f"{fault}, as a file copied by hand has it", REMADE_BY)
    return found
