"""Warn of claims that a study cannot answer."""

import sys

from emc.findings.unpaired import unpaired
from emc.study import StudyPlan


def warn_of_unpaired(plan: StudyPlan) -> None:
    """A line on standard error for each claim that no two cells of the study bear on."""
    for text in unpaired(plan.study.claims, plan.cells) if plan.study.claims else []:
        print(f"{plan.file}: warning: {text}", file=sys.stderr)
