"""The jobs of a cell: each takes its device, can be stopped, and leaves its failure behind."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from time import sleep

from emc.engine.device import resolve
from emc.engine.slices import alone
from emc.jobs.attempt import attempt
from emc.jobs.cards import cells_per_job, one_card, visible_model
from emc.jobs.stop import stop_on_signal
from emc.measurement.checkpoints import SECONDS_BETWEEN
from emc.measurement.companions import STUDY, companions
from emc.measurement.device_choice import device_to_measure, known_cell
from emc.measurement.measure import Measuring
from emc.measurement.sharing import measure_beside
from emc.measurement.state import state
from emc.store.journal import InUseError, in_use, refuse_in_use, wish
from emc.store.layout import CellFiles, Results
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0


def measure(
    cell: Cell,
    results: Results,
    *,
    device: str,
    back_end: str | None,
    checkpoint_seconds: float = SECONDS_BETWEEN,
) -> None:
    """Measure a cell into the results folder, on one GPU where there is one that is worth it.

    `device` is "auto", "cpu" or "cuda". Where another process is measuring the same cell, its
    result is waited for. A kill loses `checkpoint_seconds` of training and an epoch at most.

    Raises:
        FileError: data or journal are damaged, or the disk takes no more.
        Stopped: a signal asked for it; the same call goes on.
    """
    files = results.cell(cell_id(cell))
    data = results.data(dataset_id(cell.dataset))
    outputs = (files.probes, files.endpoints, files.estimate)
    with (
        stop_on_signal() as stop,
        attempt("measure", files.failure("measure"), outputs, stop),
    ):
        own = partial(
            Measuring,
            *(cell, data, files),
            back_end=back_end,
            stop=stop,
            checkpoint_seconds=checkpoint_seconds,
        )
        place = _place(cell, results, files, device)
        with _wishing(files):
            while not _measured(own, files, results, place):
                _wait(files)
                if files.measured and all(output.exists() for output in outputs):
                    return


def _place(cell: Cell, results: Results, files: CellFiles, device: str) -> str:
    """The device that is asked for; of "auto" the one on which a cell began, or should."""
    if device != "auto" or visible_model(os.environ) is None:
        return device
    if begun := state(files).probes:
        return "cpu" if begun[-1].device == "cpu" else "auto"
    return device_to_measure(known_cell(cell, results), device)


def _measured(
    made: Callable[..., Measuring], files: CellFiles, results: Results, device: str
) -> bool:
    """Measure, or say that another process does so."""
    try:
        refuse_in_use(files.journal)  # CUDA keeps to the first card that a process takes
        with nullcontext() if device == "cpu" else one_card():
            _measure(made(device=resolve(device)), results)
    except InUseError as error:
        log.warning("%s: waiting for it", error)
        return False
    return True


def _measure(own: Measuring, results: Results) -> None:
    """Measure the cell, beside others of its study where such jobs are asked for."""
    cells, study = cells_per_job(os.environ), os.environ.get(STUDY)
    if own.device == "cpu" or cells == 1 or study is None:
        alone(own.answered())
    else:
        measure_beside(own, _others(own, results, study), cells)


def _others(own: Measuring, results: Results, study: str) -> Iterator[Measuring]:
    for other in companions(own.cell, results, study):
        files = results.cell(cell_id(other))
        if _place(other, results, files, "auto") != "cpu":
            data = results.data(dataset_id(other.dataset))
            yield replace(own, cell=other, data=data, files=files)


@contextmanager
def _wishing(files: CellFiles) -> Iterator[None]:
    """No wish for the journal outlives the job."""
    try:
        yield
    finally:
        wish(files.journal).unlink(missing_ok=True)


def _wait(files: CellFiles) -> None:
    """Wait until nobody measures the cell: another cell's job, at least, stops when it is asked."""
    while in_use(files.journal):
        wish(files.journal).touch()
        sleep(_POLL_SECONDS)
