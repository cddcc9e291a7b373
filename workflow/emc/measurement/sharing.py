"""A cell measured beside others, so that their trainings share launches of a card.

The job is its own cell's: it ends when that one does, fails as that one does, and writes only that
one's results. What it trains of the others goes into their journals, from which their own jobs go
on, or answer; an error of theirs is left to these.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from emc.engine.slices import InSlices, SharedLaunchError, together
from emc.errors import MachineError
from emc.jobs.cards import CELLS_PER_JOB
from emc.measurement.checkpoints import Stopping
from emc.measurement.measure import Measuring
from emc.records import Estimate
from emc.store.journal import wish

log = logging.getLogger(__name__)

_OWN = ""


def measure_beside(own: Measuring, others: Iterable[Measuring], cells: int) -> Estimate:
    """The answer of a cell, while as many `cells` as are to share launches train, itself included.

    Raises:
        MachineError: a launch that several cells shared failed.
        Exception: what `Measuring.answered` raises of the cell itself.
    """
    over: list[Estimate | BaseException] = []
    joining = _companions(own, others, lambda: bool(over))
    for name, told in together({_OWN: own.answered()}, joining, cells):
        if name == _OWN:
            assert told is not None
            over.append(told)
        elif isinstance(told, BaseException):
            log.info("%s is left to its own job: %s", name, told)
        else:
            log.info("%s: its rounds are over", name)
    return _answer(over[0])


def _answer(told: Estimate | BaseException) -> Estimate:
    if isinstance(told, SharedLaunchError):
        raise MachineError(
            f"{told}; `export {CELLS_PER_JOB}=1` and start the same command again: then the cell"
            " whose fault it is says so"
        ) from told
    if isinstance(told, BaseException):
        raise told
    return told


def _companions(
    own: Measuring, others: Iterable[Measuring], over: Callable[[], bool]
) -> Iterator[tuple[str, InSlices[None]]]:
    for other in others:
        if over():
            return
        stop = _Leave(own.stop, over, wish(other.files.journal))
        log.info("%s trains beside it", other.files.folder.name)
        yield other.files.folder.name, replace(other, stop=stop).journalled()


@dataclass(frozen=True, slots=True)
class _Leave:
    """A companion stops with its job, when that one's cell is over, and for its own job."""

    job: Stopping | None
    over: Callable[[], bool]
    wish: Path

    def is_set(self) -> bool:
        """As `Stopping` says."""
        asked = self.job is not None and self.job.is_set()
        return asked or self.over() or self.wish.exists()

    def saving(self) -> AbstractContextManager[None]:
        """The job's own cell says how long a stop may take."""
        return nullcontext()
