"""The user's own tables and folders, opened before anything is computed."""

from pathlib import Path

from emc.data.changed import refuse_changed
from emc.data.manifest import read_manifest
from emc.data.placed import is_prepared, user_places
from emc.data.prepare import called, examine
from emc.errors import EmcError, MachineError
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan
from emc.study.complaints import Complaint, report
from emc.study.identity import dataset_id
from emc.study.sources import Columns, DataSet, ImageFolder, ImageNet

Examined = tuple[tuple[str, ...], int]
"""What the user is told of a data set, and its number of test samples."""


def examine_user_data(plan: StudyPlan) -> list[str]:
    """Open the tables and folders of a study; what is prepared already is only looked up.

    The answer is what the user should be told of those that can be used.

    Raises:
        EmcError: one has changed since it was prepared, cannot be prepared, or has no test sample
            although the study tests on new samples.
    """
    refuse_changed(plan)
    users = {
        planned.cell.dataset: planned.sections[0]
        for planned in plan.cells
        if isinstance(planned.cell.dataset, Columns | ImageNet | ImageFolder)
    }
    tested = {planned.cell.dataset for planned in plan.generalised}
    data_dir, _ = user_places(plan.study.data_dir)
    told: list[str] = []
    faults = []
    for dataset, section in users.items():
        where = f"section {section!r}"
        try:
            notes, test_samples = _examined(dataset, data_dir)
        except MachineError:
            raise
        except EmcError as error:
            faults.append(Complaint(where, "dataset", str(error)))
            continue
        told += notes
        if dataset in tested and not test_samples:
            faults.append(Complaint(where, "generalisation", _untested(called(dataset))))
    if faults:
        raise EmcError(report(str(plan.file), faults))
    return told


def _examined(dataset: DataSet, data_dir: Path) -> Examined:
    prepared = OF_RUNS.data(dataset_id(dataset))
    if not is_prepared(prepared):
        return examine(dataset, data_dir)
    manifest = read_manifest(prepared)
    return manifest.notes, manifest.test_samples


def _untested(name: str) -> str:
    return (
        f"{name} has no test sample: a fifth of each class is held out, of 1 or 2 samples none;"
        " give more samples of a class, or name other 'sections' to test"
    )
