"""The user's own tables and folders, opened before anything is computed."""

from typing import NamedTuple

from emc.data.changes import refuse_changed
from emc.data.image_survey import survey
from emc.data.lookup import Lookup
from emc.data.originals import Shelf
from emc.data.prepare import called
from emc.data.readers.tree import decoder, trees
from emc.data.user_files import is_prepared, user_places
from emc.errors import EmcError, MachineError
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan
from emc.study.datasets import Columns, DataSet, ImageFolder, ImageNet, PluginDataSet
from emc.study.faults import StudyFault, report
from emc.study.identity import dataset_id


class Told(NamedTuple):
    """What the user is warned of, and what was looked at beside it."""

    warnings: list[str]
    looked_at: list[str]


def examine_user_data(plan: StudyPlan, lookup: Lookup) -> Told:
    """Open the tables and folders of a study; what is prepared already is only looked up.

    Raises:
        EmcError: one has changed since it was prepared, cannot be prepared, holds an image that
            cannot be read, or has no test sample although the study tests on new samples.
    """
    refuse_changed(plan)
    users = {
        planned.cell.dataset: planned.sections[0]
        for planned in plan.cells
        if _is_looked_at(planned.cell.dataset)
    }
    tested = {planned.cell.dataset for planned in plan.generalised}
    told = Told([], [])
    faults = []
    for dataset, section in users.items():
        where = f"section {section!r}"
        try:
            found = lookup.examined(dataset, plan.study.data_dir)
            broken = _look_at_images(dataset, plan.study.data_dir, told)
        except MachineError:
            raise
        except EmcError as error:
            faults.append(StudyFault(where, "dataset", str(error)))
            continue
        told.warnings.extend(found.notes)
        faults += [StudyFault(where, "dataset", fault) for fault in broken]
        if dataset in tested and not found.test_samples:
            faults.append(StudyFault(where, "generalisation", _untested(called(dataset))))
    if faults:
        raise EmcError(report(str(plan.file), faults))
    return told


def _is_looked_at(dataset: DataSet) -> bool:
    """Whether it is the user's own: a plug-in's is called unless its decorator says its sizes."""
    if isinstance(dataset, PluginDataSet):
        return dataset.facts is None
    return isinstance(dataset, Columns | ImageNet | ImageFolder)


def _look_at_images(dataset: DataSet, data_dir: str | None, told: Told) -> list[str]:
    """What is wrong with the images of a folder that is not prepared yet."""
    if not isinstance(dataset, ImageNet | ImageFolder):
        return []
    if is_prepared(OF_RUNS.data(dataset_id(dataset))):
        return []
    found = trees(dataset, Shelf((user_places(data_dir)[0],)))
    surveys = [survey(tree, decoder(dataset)) for tree in found if tree is not None]
    told.looked_at.extend(one.told for one in surveys)
    return [fault for one in surveys for fault in one.faults]


def _untested(name: str) -> str:
    return (
        f"{name}: expected test samples, found none: a fifth of each class is held out, which is"
        " none of 1 or 2 samples; give more samples of a class, or name other 'sections' to test"
    )
