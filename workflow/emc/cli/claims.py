"""Warn of claims that a study cannot answer."""

import sys

from emc.study import StudyPlan


def warn_of_unpaired(plan: StudyPlan) -> None:
    """A line on standard error for each claim that no two cells of the study bear on."""
    if not plan.study.claims:
        return
    # Here only: statistics take longer to import than a study of thousands of cells to read.
    from emc.findings.unpaired import unpaired

    for text in unpaired(plan.study.claims, plan.cells):
        print(f"{plan.file}: warning: {text}", file=sys.stderr)
