"""Refuse data sets that are drawn with fewer classes than they are to have."""

from emc.data.readers.gaussian import classes_drawn
from emc.errors import EmcError
from emc.study import StudyPlan
from emc.study.datasets import Gaussian
from emc.study.faults import StudyFault, report


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
