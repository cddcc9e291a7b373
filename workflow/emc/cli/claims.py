"""Warn of claims that a study cannot answer."""

import sys
from pathlib import Path

from emc.findings.unpaired import unpaired
from emc.study import load_file


def warn_of_unpaired(file: Path) -> None:
    """A line on standard error for each claim that no two cells of the study bear on.

    Raises:
        EmcError: the study has a fault.
    """
    plan = load_file(file)
    for text in unpaired(plan.study.claims, plan.cells) if plan.study.claims else []:
        print(f"{file}: warning: {text}", file=sys.stderr)
