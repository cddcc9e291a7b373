"""The user's own tables and folders, opened before anything is computed."""

from emc.data.changes import refuse_changed
from emc.data.lookup import Lookup
from emc.data.prepare import called
from emc.errors import EmcError, MachineError
from emc.study import StudyPlan
from emc.study.datasets import Columns, ImageFolder, ImageNet
from emc.study.faults import StudyFault, report


def examine_user_data(plan: StudyPlan, lookup: Lookup) -> list[str]:
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
    told: list[str] = []
    faults = []
    for dataset, section in users.items():
        where = f"section {section!r}"
        try:
            found = lookup.examined(dataset, plan.study.data_dir)
        except MachineError:
            raise
        except EmcError as error:
            faults.append(StudyFault(where, "dataset", str(error)))
            continue
        told += found.notes
        if dataset in tested and not found.test_samples:
            faults.append(StudyFault(where, "generalisation", _untested(called(dataset))))
    if faults:
        raise EmcError(report(str(plan.file), faults))
    return told


def _untested(name: str) -> str:
    return (
        f"{name} has no test sample: a fifth of each class is held out, of 1 or 2 samples none;"
        " give more samples of a class, or name other 'sections' to test"
    )
