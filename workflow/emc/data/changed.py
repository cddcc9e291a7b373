"""Tables of the user's that are no longer what a data set was prepared from."""

from collections.abc import Iterable
from pathlib import Path

from emc.data.manifest import MANIFEST, original_file, read_manifest
from emc.errors import EmcError
from emc.study import StudyPlan
from emc.study.complaints import Complaint, report
from emc.study.identity import dataset_id
from emc.study.placed import PREPARED, is_prepared, own_places
from emc.study.sources import Columns


def refuse_changed(plan: StudyPlan) -> None:
    """See that results of before are results of the tables there are now.

    A cell's id holds a table's name and not its content. Only a file younger than what was
    prepared from it is read.

    Raises:
        EmcError: the content of one has changed.
    """
    tables = {
        planned.cell.dataset: planned.sections[0]
        for planned in plan.cells
        if isinstance(planned.cell.dataset, Columns)
    }
    places = own_places(plan.study.data_dir)
    changed = [
        Complaint(f"section {section!r}", "dataset.file", _advice(path, prepared))
        for table, section in tables.items()
        for prepared in [PREPARED / dataset_id(table)]
        for path in _found(table.file, places)
        if _differs(path, prepared)
    ]
    if changed:
        raise EmcError(report(str(plan.file), changed))


def _found(name: str, places: Iterable[Path]) -> list[Path]:
    paths = (place / Path(name).expanduser() for place in places)
    return [path for path in paths if path.is_file()][:1]


def _differs(path: Path, prepared: Path) -> bool:
    manifest = prepared / MANIFEST
    if not is_prepared(prepared) or path.stat().st_mtime <= manifest.stat().st_mtime:
        return False
    found = original_file(path.name, path.read_bytes())
    return read_manifest(prepared).files != (found,)


def _advice(path: Path, prepared: Path) -> str:
    return (
        f"{path} has changed since {prepared} was prepared from it: give it another name, since"
        " cells measured with its former content keep their results"
    )
