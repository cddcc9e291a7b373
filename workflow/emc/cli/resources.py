"""Write what the jobs of a study ask a cluster for."""

from pathlib import Path

from rich.table import Table

from emc.cli.console import counted, show
from emc.data.looked import open_study
from emc.measurement.experience import experience
from emc.measurement.resources import LIMITS, resources_of_job
from emc.store.layout import Results
from emc.store.resources import Resources, write_resources
from emc.study import StudyPlan

_NAMES = {"runtime": "runtime, min", "mem_mb": "memory, MB"}


def predict_resources(
    file: Path, results: Path, *, runtime: int | None, mem_mb: int | None
) -> None:
    """Learn from the study's finished cells, write the document, and show what jobs will ask for.

    `runtime` and `mem_mb` are the most that a job may ask for, minutes and megabytes.
    """
    study = open_study(file, results)
    places = Results(results)
    given = {"runtime": runtime, "mem_mb": mem_mb}
    limits = {resource: most or LIMITS[resource] for resource, most in given.items()}
    resources = Resources(experience(study, places), limits)
    path = places.study(study.name).resources
    write_resources(path, resources)
    show(_table(study, resources))
    limited = ", ".join(f"{_NAMES[resource]} {most}" for resource, most in limits.items())
    print(f"{path}: read by the next run; at most: {limited}")


def _table(study: StudyPlan, resources: Resources) -> Table:
    table = Table("rule", "resource", "first try", "learnt from", box=None)
    for rule, laws in resources.laws.items():
        for resource, name in _NAMES.items():
            asked = [
                resources_of_job(resources, rule, resource, one.cell, 1) for one in study.cells
            ]
            span = " to ".join(map(str, dict.fromkeys((min(asked), max(asked)))))
            law = laws.get(resource)
            learnt = counted(law.learnt_from, "cell") if law else "too few: fixed"
            table.add_row(rule, name, span, learnt)
    return table
