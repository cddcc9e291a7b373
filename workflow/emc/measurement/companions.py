"""Which cells of a study a job can measure on beside its own."""

from collections.abc import Iterator
from typing import Final

from emc.engine.persistent.layout import BlockNet
from emc.engine.persistent.refusal import block_net, refusal
from emc.errors import EmcError
from emc.measurement.device_choice import known_cell
from emc.measurement.procedure import procedure
from emc.store.columns import CELLS
from emc.store.journal import in_use, wish
from emc.store.layout import CellFiles, Results
from emc.study.cell import Cell
from emc.study.identity import canonical, cell_id, from_canonical

STUDY: Final = "EMC_STUDY"
"""Environment variable: the study whose cells a job may measure on beside its own."""


def companions(own: Cell, results: Results, study: str) -> Iterator[Cell]:
    """Cells of a study with the cell's net in blocks, whose own jobs have not begun.

    Those come first that follow it in the plan. Of a study that is not planned yet there are none,
    nor where the cell's net is trained otherwise.
    """
    net = _in_blocks(own, results)
    plan = results.study(study).cells
    if net is None or not plan.exists():
        return
    for other in _others(own, results, study):
        free = _is_free(results.cell(cell_id(other)))
        if free and other.architecture == own.architecture and _in_blocks(other, results) == net:
            yield other


def _others(own: Cell, results: Results, study: str) -> Iterator[Cell]:
    from emc.store.tables import read_table

    planned = read_table(results.study(study).cells, CELLS, "snakemake")["definition"].to_list()
    asked = canonical(own)
    place = planned.index(asked) if asked in planned else 0
    return (from_canonical(one) for one in [*planned[place + 1 :], *planned[:place]])


def _is_free(files: CellFiles) -> bool:
    """Whether a cell has no results, no failure, and no job that measures it or waits for it."""
    ended = files.estimate.exists() or files.failure("measure").exists()
    return not ended and not wish(files.journal).exists() and not in_use(files.journal)


def _in_blocks(cell: Cell, results: Results) -> BlockNet | None:
    """A cell's net if blocks of a card train it; None, too, where its data are not prepared."""
    try:
        known = known_cell(cell, results)
        trained = procedure(known, known.shape, known.facts.classes)
    except EmcError:
        return None
    return block_net(trained) if refusal(trained) is None else None
