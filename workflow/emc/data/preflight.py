"""What a study's data lack, told before anything is computed."""

from emc.data.classless import refuse_classless
from emc.data.lookup import Lookup
from emc.data.user_data import examine_user_data
from emc.data.user_files import absent_data
from emc.errors import EmcError
from emc.study import StudyPlan
from emc.study.faults import report


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
