"""The jobs of a cell: each takes its device, can be stopped, and leaves its failure behind."""

import logging
import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from time import sleep

from emc.engine.device import resolve
from emc.jobs.attempt import attempt
from emc.jobs.cards import one_card, visible_model
from emc.jobs.stop import stop_on_signal
from emc.measurement.checkpoints import SECONDS_BETWEEN
from emc.measurement.device_choice import device_to_measure, known_cell
from emc.measurement.measure import measure_cell
from emc.measurement.state import state
from emc.store.journal import InUseError, in_use, refuse_in_use
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
        once = partial(
            measure_cell,
            *(cell, data, files),
            back_end=back_end,
            stop=stop,
            checkpoint_seconds=checkpoint_seconds,
        )
        place = _place(cell, results, files, device)
        while not _measured(once, files, place):
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


def _measured(once: Callable[..., object], files: CellFiles, device: str) -> bool:
    """Measure, or say that another process does so."""
    try:
        refuse_in_use(files.journal)  # CUDA keeps to the first card that a process takes
        with nullcontext() if device == "cpu" else one_card():
            once(device=resolve(device))
    except InUseError as error:
        log.warning("%s: waiting for it", error)
        return False
    return True


def _wait(files: CellFiles) -> None:
    while in_use(files.journal):
        sleep(_POLL_SECONDS)
