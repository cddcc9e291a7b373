"""What a study's data lack, told before anything is computed."""

from emc.data.lookup import Lookup
from emc.data.readers.gaussian import classes_drawn
from emc.data.user_data import examine_user_data
from emc.data.user_files import absent_data
from emc.errors import EmcError
from emc.study import StudyPlan
from emc.study.datasets import Gaussian
from emc.study.faults import StudyFault, report


def preflight(plan: StudyPlan, lookup: Lookup) -> list[str]:
    """Look at every data set of a study; the answer is what the user should be told of them.

    Raises:
        EmcError: a file or folder is not there, has changed since it was prepared, cannot be
            prepared, or has a class without samples.
    """
    refuse_absent_data(plan)
    refuse_classless(plan)
    return examine_user_data(plan, lookup)


def refuse_absent_data(plan: StudyPlan) -> None:
    """See that the user's own data files are there; only questions about results need none.

    Raises:
        EmcError: some are not; the message says where they were looked for.
    """
    if absent := absent_data(plan.study.data_dir, plan.cells):
        raise EmcError(report(str(plan.file), absent))


def refuse_classless(plan: StudyPlan) -> None:
    """Foretell the data sets that cannot be prepared.

    Raises:
        EmcError: a class of one has no training sample.
    """
    drawn = {
        cell.dataset: classes_drawn(cell.dataset)
        for cell in (planned.cell for planned in plan.cells)
        if isinstance(cell.dataset, Gaussian)
    }
    faults = [
        StudyFault(
            f"section {planned.sections[0]!r}, cell {planned.id}",
            "dataset",
            f"'samples' {dataset.samples} are drawn from only {drawn[dataset]} of 'classes'"
            f" {dataset.classes}: give more samples, fewer classes or another 'seed'",
        )
        for planned in plan.cells
        if isinstance(dataset := planned.cell.dataset, Gaussian)
        and drawn[dataset] < dataset.classes
    ]
    if faults:
        raise EmcError(report(str(plan.file), faults))
