"""How fast this machine is at the nets of a study: short timing runs, kept for the next study."""

from collections import defaultdict
from collections.abc import Callable, Sequence

from emc.measurement.kinds import kind, representatives
from emc.measurement.machine import machine
from emc.measurement.timing import needs_torch, time_cells, walks_over_kinks
from emc.store.paces import Paces, paces_file, read_paces, write_paces
from emc.study.cell import Cell

Tell = Callable[[str], None]
"""Is told how far the timing runs are."""


def calibrate(cells: Sequence[Cell], device: str, tell: Tell) -> tuple[Paces, list[str]]:
    """Try what is not known yet of cells whose data are known, a moment each; keep what is found.

    Answers with all paces, and with the reasons why cells could not be timed.
    """
    path = paces_file(machine(device))
    paces = read_paces(path)
    wanted = _untried(cells, device, paces)
    errors = []
    for number, (cell, found) in enumerate(zip(wanted, time_cells(wanted, device), strict=True)):
        tell(f"timing run {number + 1} of {len(wanted)}")
        if found.pace is None:
            errors.append(found.error)
            continue
        name = kind(cell, device)
        paces = {**paces, name: (*paces.get(name, ()), found.pace)}
        write_paces(path, paces)
    return paces, errors


def _untried(cells: Sequence[Cell], device: str, paces: Paces) -> list[Cell]:
    """Cells to try, those that load least first: what is loaded once stays in memory."""
    by_kind = defaultdict(list)
    for cell in cells:
        by_kind[kind(cell, device)].append(cell)
    wanted = [
        cell
        for name, alike in by_kind.items()
        for cell in representatives(alike)
        if cell.parameters not in {one.parameters for one in paces.get(name, ())}
    ]
    return sorted(wanted, key=_loads)


def _loads(cell: Cell) -> tuple[bool, bool, int]:
    return needs_torch(cell), walks_over_kinks(cell), cell.parameters
