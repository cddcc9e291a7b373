"""Clear failures of cells."""

from collections.abc import Sequence
from pathlib import Path

from emc.errors import EmcError
from emc.records import Failure
from emc.store.failures import clear, failures
from emc.store.layout import Results
from emc.study import load_file
from emc.study.identity import settings_id


def clear_failures(file: Path, beginnings: Sequence[str], results: Path, *, every: bool) -> None:
    """Clear the failures of the cells whose ids begin so, or every failure of the study.

    Raises:
        EmcError: nothing is chosen, or a beginning is that of no failed cell or comes with
            `every`; or there is no results folder.
    """
    if every and beginnings:
        raise EmcError(f"--all and {_quoted(beginnings)}: name cells or say --all, not both")
    study = load_file(file)
    settings = settings_id(study.study.certificate)
    if not results.is_dir():
        raise EmcError(f"{results}: no such folder: nothing was measured here")
    places = Results(results)
    failed = [one for cell in study.cells for one in failures(places.cell(cell.id), settings)]
    for one in failed if every else _chosen(failed, beginnings):
        clear(places.cell(one.cell), one, settings)
        print(f"{one.cell}: {one.stage} will be tried again (it failed: {one.reason})")
    if not failed:
        print("no cell has failed")


def _chosen(failed: Sequence[Failure], beginnings: Sequence[str]) -> list[Failure]:
    lines = (f"  {one.cell} ({one.stage}): {one.reason}" for one in failed)
    known = "\n".join(lines) or "  none"
    if failed and not beginnings:
        raise EmcError(f"name cells, or --all; these have failed:\n{known}")
    for beginning in beginnings:
        if not beginning:
            raise EmcError(f"cell '': every id begins so; --all clears all; failed are:\n{known}")
        if not any(one.cell.startswith(beginning) for one in failed):
            raise EmcError(f"cell {beginning!r}: no failed cell begins so; failed are:\n{known}")
    return [one for one in failed if one.cell.startswith(tuple(beginnings))]


def _quoted(beginnings: Sequence[str]) -> str:
    return ", ".join(map(repr, beginnings))
