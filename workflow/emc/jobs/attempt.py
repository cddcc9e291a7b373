"""One try at a job of a cell or a data set: what is its own fault becomes its failure."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from emc.error_texts import says_broken_device, says_no_memory
from emc.errors import EmcError, FileError, MachineError, Stopped, one_line, with_kind
from emc.jobs.stop import Stop
from emc.records import Failure
from emc.store.failures import count_try, forget_failure, forget_tries, write_failure
from emc.study.plugins import place_of

log = logging.getLogger(__name__)

MEMORY_TRIES: Final = 4
"""As many as one run on a cluster makes, each with more memory: see profiles/slurm/profile.yaml."""


@contextmanager
def attempt(
    stage: str, failure: Path, outputs: Sequence[Path], stop: Stop | None = None
) -> Iterator[None]:
    """Run a stage; an error inside is written to `failure`, and `outputs` become empty files.

    So the rule succeeds and the study goes on. A plug-in that exits is such an error too, and so
    is one that raises KeyboardInterrupt where Ctrl-C makes a `stop` instead. What can pass by
    itself is no fault of the cell, or of the data set, and is raised. Memory that runs out can
    pass, but not `MEMORY_TRIES` times: then it is a failure, too.

    Raises:
        Stopped: the process was asked to stop.
        MachineError: a file is missing, damaged or cannot be written, the disk is full or gone, a
            setting of the machine is wrong, or a GPU or its driver fails.
        MemoryError: memory ran out, the machine's or the device's.
    """
    forget_failure(failure)
    try:
        yield
        forget_tries(failure)
    except (MachineError, Stopped):
        raise
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        if isinstance(error, KeyboardInterrupt) and (stop is None or place_of(error) is None):
            raise
        if stop is not None and stop.is_set():
            raise Stopped(f"{stage} was cut short: {one_line(error)}") from error
        _raise_what_can_pass(stage, error)
        log.info("%s failed", stage, exc_info=error)
        reason = _reason_of(error, failure)
        log.error(  # noqa: TRY400
            "error: %s\n%s counts as failed until `emc retry STUDY %s` clears it",
            reason,
            failure.parent.name,
            failure.parent.name,
        )
        names = tuple(output.name for output in outputs)
        write_failure(failure, Failure(failure.parent.name, stage, reason, names))
        forget_tries(failure)


def _caused(error: BaseException, says: Callable[[BaseException], bool]) -> bool:
    """Whether an error says so, or its cause does, as where a plug-in's line is told."""
    return says(error) or (error.__cause__ is not None and _caused(error.__cause__, says))


def _lacks_memory(error: BaseException) -> bool:
    return says_no_memory(error) or isinstance(error, MemoryError)


def _reason_of(error: BaseException, failure: Path) -> str:
    if _caused(error, _lacks_memory):
        return _out_of_memory(error, failure)
    return _reason(error)


def _out_of_memory(error: BaseException, failure: Path) -> str:
    """The reason of a failure, if memory ran out often enough; raise otherwise."""
    tries = count_try(failure)
    if tries < MEMORY_TRIES:
        raise MemoryError(f"{one_line(error)} (try {tries} of {MEMORY_TRIES})") from error
    return f"memory ran out {tries} times, at last with {_reason(error)}"


def _raise_what_can_pass(stage: str, error: BaseException) -> None:
    """Raise if the machine failed rather than the cell."""
    if isinstance(error, OSError) and place_of(error) is None:
        log.info("%s cannot go on", stage, exc_info=error)
        raise FileError(f"{stage}: {one_line(error)}") from error
    if _caused(error, says_broken_device):
        log.info("%s cannot go on", stage, exc_info=error)
        raise MachineError(
            f"{stage}: the GPU or its driver failed: {one_line(error)}; see nvidia-smi, or hide the"
            " card from CUDA_VISIBLE_DEVICES, and start the same command again"
        ) from error


def _reason(error: BaseException) -> str:
    """What is said of an error, with the line of a plug-in unless its file is named already."""
    told = isinstance(error, EmcError)
    said = one_line(error) if told else with_kind(error)
    place = place_of(error)
    if place is None or place in said or (told and place.rsplit(", line", 1)[0] in said):
        return said
    return f"{place}: {said}"
