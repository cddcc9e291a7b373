"""Tables and folders of the user's that are no longer what a data set was prepared from."""

from collections.abc import Iterator
from pathlib import Path

from emc.data.folders import Tree, fingerprint
from emc.data.manifest import MANIFEST, OriginalTree, original_file, read_manifest
from emc.data.originals import Shelf, file_content
from emc.data.readers.tree import trees
from emc.data.user_files import is_prepared, user_places
from emc.errors import EmcError
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan
from emc.study.datasets import Columns, ImageFolder, ImageNet
from emc.study.faults import StudyFault, report
from emc.study.identity import dataset_id


def refuse_changed(plan: StudyPlan) -> None:
    """See that results of before are results of the tables and images there are now.

    A cell's id holds a file's or folder's name and not its content. Only a table younger than what
    was prepared from it is read, and only images of which a path, size or date differs.

    Raises:
        EmcError: the content of one has changed.
    """
    users = {
        planned.cell.dataset: planned.sections[0]
        for planned in plan.cells
        if isinstance(planned.cell.dataset, Columns | ImageFolder | ImageNet)
    }
    shelf = Shelf(user_places(plan.study.data_dir))
    changed = [
        StudyFault(f"section {section!r}", key, _advice(path, prepared))
        for dataset, section in users.items()
        for prepared in [OF_RUNS.data(dataset_id(dataset))]
        if is_prepared(prepared)
        for key, path in _changes(dataset, prepared, shelf)
    ]
    if changed:
        raise EmcError(report(str(plan.file), changed))


def _changes(
    dataset: Columns | ImageFolder | ImageNet, prepared: Path, shelf: Shelf
) -> Iterator[tuple[str, Path]]:
    """Keys and paths of what differs; what is no longer there is not missed."""
    if isinstance(dataset, Columns):
        if (path := shelf.seek(dataset.file)) and _table_differs(path, prepared):
            yield "dataset.file", path
        return
    if all(shelf.seek(name) for name in _folders(dataset)):
        yield from _changed_trees(dataset, prepared, shelf)


def _folders(dataset: ImageFolder | ImageNet) -> list[str]:
    test = getattr(dataset, "test_folder", None)
    return [dataset.folder, *([test] if test else [])]


def _table_differs(path: Path, prepared: Path) -> bool:
    status = path.stat()
    if max(status.st_mtime, status.st_ctime) <= (prepared / MANIFEST).stat().st_mtime:
        return False
    return read_manifest(prepared).files != (original_file(path.name, file_content(path)),)


def _changed_trees(
    dataset: ImageFolder | ImageNet, prepared: Path, shelf: Shelf
) -> Iterator[tuple[str, Path]]:
    known = read_manifest(prepared).trees
    keys = ("folder", "test_folder" if isinstance(dataset, ImageFolder) else "folder")
    for place, tree in enumerate(filter(None, trees(dataset, shelf))):
        before = known[place]
        if tree.listing != before.listing and _content_differs(tree, before):
            yield f"dataset.{keys[place]}", tree.root


def _content_differs(tree: Tree, before: OriginalTree) -> bool:
    if (sum(tree.counts), tree.bytes) != (before.images, before.bytes):
        return True
    return fingerprint(tree).hexdigest() != before.content


def _advice(path: Path, prepared: Path) -> str:
    return (
        f"{path} has changed since {prepared} was prepared from it: give it another name, since"
        " cells measured with its former content keep their results"
    )
