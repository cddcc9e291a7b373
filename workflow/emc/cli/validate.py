"""Say whether a study is valid, and warn of what it cannot answer."""

import sys
from pathlib import Path

from emc.cli.console import counted
from emc.data.lookup import Lookup
from emc.measurement.preflight import preflight
from emc.store.layout import OF_RUNS
from emc.study import StudyPlan, load_file


def validate(file: Path) -> None:
    """Check a study and the data that it names, and say how many cells it has.

    Raises:
        EmcError: any fault of the study, or of a data set.
    """
    lookup = Lookup(OF_RUNS)
    study = load_file(file, lookup.facts)
    print_summary(study, lookup)
    warn_of_unpaired(study)


def print_summary(study: StudyPlan, lookup: Lookup) -> None:
    """The study is valid, and how many cells it asks for; warnings on standard error.

    Raises:
        EmcError: a data set is not there, has changed, or cannot be prepared.
    """
    told = preflight(study, lookup)
    for note in told.warnings:
        print(f"{study.file}: warning: {note}", file=sys.stderr)
    for note in told.looked_at:
        print(note)
    sections = ", ".join(
        f"{name} {sum(name in planned.sections for planned in study.cells)}"
        for name in study.study.sections
    )
    cells = counted(len(study.cells), "cell")
    print(f"{study.file}: study {study.name!r} is valid: {cells} (by section: {sections})")
    if study.generalised:
        runs = counted(study.generalised_seeds, "run")
        print(f"generalisation: {runs} of {counted(len(study.generalised), 'cell')}")


def warn_of_unpaired(plan: StudyPlan) -> None:
    """A line on standard error for each claim that no two cells of the study bear on."""
    if not plan.study.claims:
        return
    # Here only: statistics take longer to import than a study of thousands of cells to read.
    from emc.findings.unpaired import unpaired

    for text in unpaired(plan.study.claims, plan.cells):
        print(f"{plan.file}: warning: {text}", file=sys.stderr)
