"""How fast this machine is at the nets of a study: short timing runs, kept for the next study."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from emc.measurement.kinds import kind, of_kernels, representatives
from emc.measurement.machine import machine
from emc.measurement.timing import time_cells
from emc.store.paces import Paces, paces_file, read_paces, write_paces
from emc.study.cell import Cell

Tell = Callable[[str], None]
"""Is told how far the timing runs are."""


def calibrate(cells: Sequence[Cell], device: str, tell: Tell) -> tuple[Paces, list[str]]:
    """Try what is not known yet of cells whose data are known, a moment each; keep what is found.

    Answers with all paces, and with the reasons why cells could not be timed. What time does not
    allow for is tried by the next call.
    """
    path = paces_file(machine(device))
    paces = read_paces(path)
    wanted = _untried(cells, device, paces)
    errors, timed, unkept = [], 0, ""
    for cell, found in zip(wanted, time_cells(wanted, device), strict=True):
        if found.error:
            errors.append(found.error)
        if found.pace is None:
            continue
        timed += 1
        tell(f"timed {timed} of {len(wanted)} nets")
        name = kind(cell, device)
        paces = {**paces, name: (*paces.get(name, ()), found.pace)}
        unkept = _kept(path, paces)
    if unkept:
        tell(f"known until this command ends: {unkept}")
    if left := len(wanted) - timed - len(errors):
        tell(_late(left, timed))
    return paces, errors


def _kept(path: Path, paces: Paces) -> str:
    """Why the paces cannot be kept for later calls; nothing where they are."""
    try:
        write_paces(path, paces)
    except OSError as error:
        return f"the paces cannot be kept: {error}"
    return ""


def _late(left: int, timed: int) -> str:
    if not timed:
        return "time was up before a net was timed: compilers take long on a busy machine"
    return f"time was up for {left}: expected to be as fast as the nets most like them"


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


def _loads(cell: Cell) -> tuple[bool, int]:
    return not of_kernels(cell), cell.parameters
