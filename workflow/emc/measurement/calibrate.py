"""A short run of a few cells, where nothing has finished yet that tells what cells cost."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from emc.engine.device import resolve
from emc.measurement.cards import one_card
from emc.measurement.measure import measure_cell
from emc.store.layout import CellFiles, Results
from emc.study.cell import Cell
from emc.study.identity import dataset_id

_CELLS: Final = 3
_PROBES: Final = 8


def calibrate(cells: Sequence[Cell], results: Results) -> list[tuple[int, float]]:
    """Parameters and seconds of three cells: the smallest, the middle one and the largest.

    Each trains eight probes, and its seconds are those of as many probes as it may spend, so that
    they are an upper bound. Nothing is kept.

    Raises:
        FileError: a data set is not prepared.
    """
    known = sorted((c for c in cells if c.dataset.facts), key=lambda cell: cell.parameters)
    places = {round(step * (len(known) - 1) / (_CELLS - 1)) for step in range(_CELLS)}
    chosen = [known[place] for place in sorted(places)] if known else list(cells[:_CELLS])
    with one_card():
        return [_tried(cell, results, resolve("auto")) for cell in chosen]


def _tried(cell: Cell, results: Results, device: str) -> tuple[int, float]:
    probes = min(_PROBES, cell.search.probes)
    search = cell.search.model_copy(update={"probes": probes})
    short = cell.model_copy(update={"search": search})
    data = results.data(dataset_id(cell.dataset))
    with TemporaryDirectory() as folder:
        files = CellFiles(Path(folder))
        found = measure_cell(short, data, files, device=device, back_end=None)
    return found.parameters, found.seconds / found.probes * cell.search.probes
