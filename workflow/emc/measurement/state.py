"""How far each cell of a study is, from the files it has left."""

from dataclasses import dataclass
from enum import StrEnum

from emc.records import Probe
from emc.store.journal import read_rounds
from emc.store.layout import CellFiles


class Status(StrEnum):
    """What has become of a planned cell."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    TO_DO = "to do"


@dataclass(frozen=True, slots=True)
class State:
    """A cell's status, the probes in its journal, and why it failed."""

    status: Status
    probes: tuple[Probe, ...] = ()
    reason: str = ""


def state(files: CellFiles) -> State:
    """Look at a cell's files; `stopped` is a measurement that was killed and can go on."""
    if files.estimate.exists():
        return State(Status.DONE)
    if not files.journal.parent.exists():
        return State(Status.TO_DO)
    probes, locked = read_rounds(files.journal)
    if locked:
        return State(Status.RUNNING, tuple(probes))
    if files.failure.exists():
        return State(Status.FAILED, tuple(probes), files.failure.read_text().strip())
    return State(Status.STOPPED if probes else Status.TO_DO, tuple(probes))
