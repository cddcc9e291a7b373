"""What finished cells of a study took, as laws for those to come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from emc.errors import FileError
from emc.measurement.cost import as_expected, fit
from emc.measurement.expectation import ExpectedCost
from emc.measurement.likeness import learnt
from emc.measurement.nominal import nominal_costs
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


class ActualCost(NamedTuple):
    """What the measurement of a cell took: seconds, megabytes where they were noted."""

    parameters: int
    seconds: float
    megabytes: float | None


def taken(study: StudyPlan, results: Results) -> dict[str, ActualCost]:
    """By id, what measurements that have finished took.

    Seconds are those of the probes, or of the job's last run where that took longer.
    """
    return {
        job[0].cell: ActualCost(job[0].parameters, _spent(job), peak_megabytes(job[1]))
        for job in _measured(study, results)
    }


def experienced(
    study: StudyPlan, results: Results, expected: Mapping[str, ExpectedCost]
) -> dict[str, ExpectedCost]:
    """By id, what cells are expected to take, corrected by those like them that have finished.

    Where enough have, something is expected of each cell whose data are known.
    """
    done = taken(study, results)
    if len(done) < _FEWEST:
        return dict(expected)
    whole = {**nominal_costs(study.cells), **expected}
    seconds = {cell: one.seconds for cell, one in whole.items()}
    megabytes = {cell: one.megabytes for cell, one in whole.items()}
    seconds = learnt(seconds, {cell: one.seconds for cell, one in done.items()}, study.cells)
    peaks = {cell: one.megabytes for cell, one in done.items() if one.megabytes}
    megabytes = learnt(megabytes, peaks, study.cells)
    return {cell: ExpectedCost(seconds[cell], megabytes[cell]) for cell in whole}


def experience(
    study: StudyPlan, results: Results, expected: Mapping[str, ExpectedCost]
) -> dict[str, dict[str, Law]]:
    """By rule and resource, the laws that enough finished cells tell.

    A measurement's laws are of what is `expected` of each cell, by its id, even before any has
    finished; without that, they are of the parameters as those of all other rules. A measurement's
    time is that of its probes, or of its last run where that took longer.
    """
    measured = list(_measured(study, results))
    laws = {
        "measure": _as_expected(measured, expected) if expected else _laws(measured, _spent),
        "certify": _laws(list(_certified(study, results)), _lasted),
    }
    if study.generalised:
        laws["generalise"] = _laws(list(_generalised(study, results)), _lasted)
    return laws


def _as_expected(done: Sequence[Job], expected: Mapping[str, ExpectedCost]) -> dict[str, Law]:
    """Laws of what is expected, with as many finished cells as tell enough."""
    known = [job for job in done if job[0].cell in expected]
    seconds = [(expected[job[0].cell].seconds, _spent(job)) for job in known]
    peaks = [(expected[job[0].cell].megabytes, peak_megabytes(job[1])) for job in known]
    to_do = expected.values()
    found = {
        "runtime": as_expected(_enough(seconds), [one.seconds for one in to_do]),
        "mem_mb": as_expected(_enough(peaks), [one.megabytes for one in to_do]),
    }
    return {name: law for name, law in found.items() if law}


def _enough(pairs: Sequence[tuple[float, float | None]]) -> list[tuple[float, float]]:
    told = [(size, amount) for size, amount in pairs if amount]
    return told if len(told) >= _FEWEST else []


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


def _spent(job: Job) -> float:
    """Seconds of a measurement: of its probes, or of its last run."""
    return max(job[0].seconds, _lasted(job) or 0.0)


def _lasted(job: Job) -> float | None:
    """Seconds of a job's last run."""
    return wall_seconds(job[1])


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
