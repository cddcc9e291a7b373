"""What finished cells of a study took, as laws for those to come."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from emc.errors import FileError
from emc.measurement.cost import fit
from emc.measurement.state import read_estimate
from emc.records import Estimate, Law
from emc.store.benchmarks import peak_megabytes, wall_seconds
from emc.store.layout import Results
from emc.study import StudyPlan
from emc.study.identity import settings_id

_LEARN_FROM: Final = 200
"""Most cells whose files are read, spread over the study."""
_FEWEST: Final = 5
"""Fewer finished cells may be alike by chance, and jobs that are granted too little are killed."""

Job = tuple[Estimate, Path]
"""A finished cell's answer, and what Snakemake noted of one of its jobs."""


def experience(study: StudyPlan, results: Results) -> dict[str, dict[str, Law]]:
    """By rule and resource, the laws that enough finished cells tell.

    A measurement's time is that of its probes, or of its last run where that took longer.
    """
    jobs = {
        "measure": list(_measured(study, results)),
        "certify": list(_certified(study, results)),
    }
    if study.generalised:
        jobs["generalise"] = list(_generalised(study, results))
    return {rule: _laws(done, _seconds(rule)) for rule, done in jobs.items()}


def _laws(done: Sequence[Job], seconds: Callable[[Job], float | None]) -> dict[str, Law]:
    found = {
        "runtime": fit(list(_known(done, seconds))),
        "mem_mb": fit(list(_known(done, lambda job: peak_megabytes(job[1])))),
    }
    return {name: law for name, law in found.items() if law and law.learnt_from >= _FEWEST}


def _known(
    done: Sequence[Job], amount: Callable[[Job], float | None]
) -> Iterator[tuple[int, float]]:
    for job in done:
        if found := amount(job):
            yield job[0].parameters, found


def _seconds(rule: str) -> Callable[[Job], float | None]:
    if rule == "measure":
        return lambda job: max(job[0].seconds, wall_seconds(job[1]) or 0.0)
    return lambda job: wall_seconds(job[1])


def _measured(study: StudyPlan, results: Results) -> Iterator[Job]:
    for cell, estimate in _answers([one.id for one in study.cells], results):
        yield estimate, results.benchmark("measure", cell)


def _certified(study: StudyPlan, results: Results) -> Iterator[Job]:
    settings = settings_id(study.study.certificate)
    cells = [one.id for one in study.cells if _filled(results.cell(one.id).certificate(settings))]
    for cell, estimate in _answers(cells, results):
        yield estimate, results.benchmark("certify", f"{cell}-{settings}")


def _generalised(study: StudyPlan, results: Results) -> Iterator[Job]:
    seeds = study.generalised_seeds
    outputs = {one.id: results.cell(one.id).generalisation(seeds) for one in study.generalised}
    cells = [cell for cell, output in outputs.items() if _filled(output)]
    for cell, estimate in _answers(cells, results):
        yield estimate, results.benchmark("generalise", f"{cell}-{seeds}")


def _answers(cells: Sequence[str], results: Results) -> Iterator[tuple[str, Estimate]]:
    """Of measured cells, evenly spread; damaged answers are left to the rules that remake them."""
    measured = [cell for cell in cells if results.cell(cell).measured]
    for cell in measured[:: -(-len(measured) // _LEARN_FROM) or 1]:
        try:
            yield cell, read_estimate(results.cell(cell))
        except FileError:
            continue


def _filled(output: Path) -> bool:
    """A stage that failed leaves an empty file."""
    return output.exists() and output.stat().st_size > 0
