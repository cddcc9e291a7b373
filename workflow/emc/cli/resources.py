"""Write what the jobs of a study ask a cluster for."""

import os
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from emc.cli.console import counted, show
from emc.cli.shared_jobs import told_of_shared_jobs
from emc.data.lookup import open_study
from emc.engine.device import resolve
from emc.measurement.expectation import ExpectedCost, expectations
from emc.measurement.experience import experience, experienced, taken
from emc.measurement.machine import known_paces
from emc.measurement.resources import LIMITS, resources_of_job
from emc.records import Law
from emc.store.layout import Results
from emc.store.resources import Resources, write_resources
from emc.study import StudyPlan

_NAMES = {"runtime": "runtime, min", "mem_mb": "memory, MB"}


def predict_resources(
    file: Path, results: Path, *, runtime: int | None, mem_mb: int | None
) -> None:
    """Learn from the study's finished cells, write the document, and show what jobs will ask for.

    What `emc plan --calibrate` found on this machine tells of cells whose like none has finished.
    `runtime` and `mem_mb` are the most that a job may ask for, minutes and megabytes.
    """
    study = open_study(file, results)
    places = Results(results)
    given = {"runtime": runtime, "mem_mb": mem_mb}
    limits = {resource: most or LIMITS[resource] for resource, most in given.items()}
    device = resolve("auto")
    paced = expectations(study.cells, known_paces(device), device)
    done = taken(study, places)
    expected = experienced(study, paced, done)
    laws = experience(study, places, expected, done)
    resources = Resources(laws, limits, _by_resource(expected))
    path = places.study(study.name).resources
    write_resources(path, resources)
    show(_table(study, resources))
    limited = ", ".join(f"{_NAMES[resource]} {most}" for resource, most in limits.items())
    print(f"{path}: read by the next run; at most: {limited}")
    if told := told_of_shared_jobs(os.environ):
        print(told)


def _by_resource(expected: Mapping[str, ExpectedCost]) -> dict[str, dict[str, float]]:
    return {
        cell: {"runtime": one.seconds, "mem_mb": one.megabytes} for cell, one in expected.items()
    }


def _table(study: StudyPlan, resources: Resources) -> Table:
    table = Table("rule", "resource", "first try", "learnt from", box=None)
    for rule, laws in resources.laws.items():
        for resource, name in _NAMES.items():
            asked = [resources_of_job(resources, rule, resource, one, 1) for one in study.cells]
            span = " to ".join(map(str, dict.fromkeys((min(asked), max(asked)))))
            law = laws.get(resource)
            table.add_row(rule, name, span, _learnt(law))
    return table


def _learnt(law: Law | None) -> str:
    if law is None:
        return "too few: fixed"
    return counted(law.learnt_from, "cell") if law.learnt_from else "this machine's pace"
