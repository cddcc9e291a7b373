"""A measure job: takes its device, measures, and leaves the reason where it failed."""

from contextlib import nullcontext

from emc.engine.device import resolve
from emc.measurement.cards import one_card
from emc.measurement.measure import measure_cell
from emc.store.atomic import write_text_atomically
from emc.store.layout import Results
from emc.study.cell import Cell
from emc.study.identity import cell_id, dataset_id


def measure(cell: Cell, results: Results, *, device: str, back_end: str | None) -> None:
    """Measure a cell into the results folder, on one GPU where there is one.

    `device` is "auto", "cpu" or "cuda".
    """
    files = results.cell(cell_id(cell))
    data = results.data(dataset_id(cell.dataset))
    files.failure.unlink(missing_ok=True)
    try:
        with nullcontext() if device == "cpu" else one_card():
            measure_cell(cell, data, files, device=resolve(device), back_end=back_end)
    except Exception as error:
        write_text_atomically(files.failure, f"{type(error).__name__}: {error}\n")
        raise
    files.failure.unlink(missing_ok=True)
