"""One try at a stage of a cell: what is the cell's own fault becomes its failure."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emc.errors import EmcError, FileError, StopRequested
from emc.measurement.stop import Stop
from emc.records import Failure
from emc.store.failures import write_failure
from emc.study.plugins import place_of

log = logging.getLogger(__name__)


@contextmanager
def attempt(
    stage: str, failure: Path, outputs: Sequence[Path], stop: Stop | None = None
) -> Iterator[None]:
    """Run a stage; an error inside is written to `failure`, and `outputs` become empty files.

    So the rule succeeds and the study goes on. A plug-in that exits is such an error too. What
    can pass by itself is no fault of the cell and is raised.

    Raises:
        StopRequested: the process was asked to stop.
        FileError: a file is missing, damaged or cannot be written, the disk is full or gone.
        MemoryError: memory ran out, the machine's or the device's.
    """
    failure.unlink(missing_ok=True)
    try:
        yield
    except (FileError, StopRequested):
        raise
    except (Exception, SystemExit) as error:
        if stop is not None and stop.is_set():
            raise StopRequested(f"{stage} was cut short: {error}") from error
        _raise_what_can_pass(stage, error)
        log.info("%s failed", stage, exc_info=error)
        reason = _reason(error)
        log.error(  # noqa: TRY400
            "error: %s\nthe cell counts as failed until `emc retry` clears it", reason
        )
        names = tuple(output.name for output in outputs)
        write_failure(failure, Failure(failure.parent.name, stage, reason, names))


def _raise_what_can_pass(stage: str, error: BaseException) -> None:
    """Raise if the machine failed rather than the cell; torch has its own class of MemoryError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        raise MemoryError(str(error)) from error
    if isinstance(error, OSError) and place_of(error) is None:
        log.info("%s cannot go on", stage, exc_info=error)
        raise FileError(f"{stage}: {error}") from error


def _reason(error: BaseException) -> str:
    if isinstance(error, EmcError):
        return str(error)
    said = f"{type(error).__name__}: {error}"
    place = place_of(error)
    return f"{place}: {said}" if place else said
