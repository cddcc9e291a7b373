"""A short run of a few cells, where nothing has finished yet that tells what cells cost."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from emc.data.manifest import MANIFEST, TENSORS
from emc.engine.device import resolve
from emc.jobs.cards import one_card
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
        FileError: a data set is not prepared, see `unprepared`.
        EmcError: a data set could not be prepared.
    """
    with one_card():
        return [_tried(cell, results, resolve("auto")) for cell in _chosen(cells)]


def unprepared(cells: Sequence[Cell], results: Results) -> list[Path]:
    """Tensor files that `calibrate` would lack."""
    folders = {results.data(dataset_id(cell.dataset)) for cell in _chosen(cells)}
    return sorted(folder / TENSORS for folder in folders if not (folder / MANIFEST).exists())


def _chosen(cells: Sequence[Cell]) -> list[Cell]:
    known = sorted((c for c in cells if c.known), key=lambda cell: cell.parameters)
    places = {round(step * (len(known) - 1) / (_CELLS - 1)) for step in range(_CELLS)}
    return [known[place] for place in sorted(places)] if known else list(cells[:_CELLS])


def _tried(cell: Cell, results: Results, device: str) -> tuple[int, float]:
    probes = min(_PROBES, cell.search.probes)
    search = cell.search.model_copy(update={"probes": probes})
    short = cell.model_copy(update={"search": search})
    data = results.data(dataset_id(cell.dataset))
    with TemporaryDirectory() as folder:
        files = CellFiles(Path(folder))
        found = measure_cell(short, data, files, device=device, back_end=None)
    return found.parameters, found.seconds / found.probes * cell.search.probes
