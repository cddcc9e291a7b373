"""What a study's data or the program lack, told before anything is computed."""

from emc.data.lookup import Lookup
from emc.data.readers import reader
from emc.data.readers.gaussian import classes_drawn
from emc.data.user_data import Told, examine_user_data
from emc.data.user_files import absent_data
from emc.engine import optimizers
from emc.errors import EmcError
from emc.native.activation import number
from emc.nets import families
from emc.study import StudyPlan
from emc.study.architectures import Linear
from emc.study.architectures.choice import FAMILIES
from emc.study.datasets import DATA_SETS, Gaussian
from emc.study.faults import StudyFault, report
from emc.study.optimizers import OPTIMIZERS
from emc.study.program_modules import check_module


def preflight(plan: StudyPlan, lookup: Lookup) -> Told:
    """Look at every data set of a study; the answer is what the user should be told of them.

    Raises:
        EmcError: a file or folder is not there, has changed since it was prepared, cannot be
            prepared, or has a class without samples; or a file of the program is not there.
    """
    refuse_half_added(plan)
    refuse_absent_data(plan)
    refuse_classless(plan)
    return examine_user_data(plan, lookup)


def refuse_half_added(plan: StudyPlan) -> None:
    """See that the program has all files of what the cells name, and not its keys alone.

    Raises:
        EmcError: one is not there; the message names it.
    """
    cells = [planned.cell for planned in plan.cells]
    for name in {cell.optimizer.name for cell in cells} & set(OPTIMIZERS):
        check_module(optimizers.__name__, "optimizer", name)
    nets = [cell.architecture for cell in cells]
    # A linear model is always one layer, and has no module of its own.
    for name in {net.name for net in nets if not isinstance(net, Linear)} & set(FAMILIES):
        check_module(families.__name__, "architecture", name)
    for name in {cell.dataset.name for cell in cells} & set(DATA_SETS):
        reader(name)
    for name in {cell.activation for cell in cells if isinstance(cell.activation, str)}:
        number(name)


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
