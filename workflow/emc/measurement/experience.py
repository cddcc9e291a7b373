"""What finished cells of a study took, as laws for those to come."""

from collections.abc import Iterator, Mapping, Sequence
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

Amounts = Sequence[tuple[float, float | None]]
"""Sizes of cells, and what jobs of theirs took where it was noted."""


class ActualCost(NamedTuple):
    """What the measurement of a cell took: seconds, megabytes where they were noted."""

    parameters: int
    seconds: float
    megabytes: float | None


def taken(study: StudyPlan, results: Results) -> dict[str, ActualCost]:
    """By id, what measurements that have finished took.

    Seconds are those of the probes, or of the job's last run where that took longer.
    """
    found = {}
    for cell in _spread([one.id for one in study.cells], results):
        if answer := _answer(cell, results):
            job = results.benchmark("measure", cell)
            seconds = max(answer.seconds, wall_seconds(job) or 0.0)
            found[cell] = ActualCost(answer.parameters, seconds, peak_megabytes(job))
    return found


def corrected(
    study: StudyPlan, paced: Mapping[str, ExpectedCost], done: Mapping[str, ActualCost]
) -> dict[str, ExpectedCost]:
    """By id, what each cell whose data are known takes, corrected by those like it that are done.

    What is corrected is what this machine's pace tells, or else counted operations.
    """
    whole = {**nominal_costs(study.cells), **paced}
    seconds = learnt(
        {cell: one.seconds for cell, one in whole.items()},
        {cell: one.seconds for cell, one in done.items()},
        study.cells,
    )
    megabytes = learnt(
        {cell: one.megabytes for cell, one in whole.items()},
        {cell: one.megabytes for cell, one in done.items() if one.megabytes},
        study.cells,
    )
    return {cell: ExpectedCost(seconds[cell], megabytes[cell]) for cell in whole}


def experienced(
    study: StudyPlan, paced: Mapping[str, ExpectedCost], done: Mapping[str, ActualCost]
) -> dict[str, ExpectedCost]:
    """What cells are expected to take: corrected where enough are done, else what is `paced`."""
    return corrected(study, paced, done) if len(done) >= _FEWEST else dict(paced)


def experience(
    study: StudyPlan,
    results: Results,
    expected: Mapping[str, ExpectedCost],
    done: Mapping[str, ActualCost],
) -> dict[str, dict[str, Law]]:
    """By rule and resource, the laws that enough finished cells tell.

    A measurement's laws are of what is `expected` of each cell, by its id, even before any is
    `done`; without that, they are of the parameters as those of all other rules.
    """
    laws = {
        "measure": _as_expected(done, expected) if expected else _of_parameters(done),
        "certify": _of_jobs(list(_certified(study, results, done))),
    }
    if study.generalised:
        laws["generalise"] = _of_jobs(list(_generalised(study, results, done)))
    return laws


def _as_expected(
    done: Mapping[str, ActualCost], expected: Mapping[str, ExpectedCost]
) -> dict[str, Law]:
    """Laws of what is expected, with as many finished cells as tell enough."""
    known = [(expected[cell], one) for cell, one in done.items() if cell in expected]
    seconds = _enough([(cost.seconds, one.seconds) for cost, one in known])
    peaks = _enough([(cost.megabytes, one.megabytes) for cost, one in known])
    to_do = expected.values()
    return _found(
        as_expected(seconds, [one.seconds for one in to_do]),
        as_expected(peaks, [one.megabytes for one in to_do]),
    )


def _of_parameters(done: Mapping[str, ActualCost]) -> dict[str, Law]:
    costs = done.values()
    seconds = _enough([(one.parameters, one.seconds) for one in costs])
    peaks = _enough([(one.parameters, one.megabytes) for one in costs])
    return _found(fit(seconds), fit(peaks))


def _of_jobs(jobs: Sequence[tuple[int, Path]]) -> dict[str, Law]:
    """Laws of the parameters, from what Snakemake noted of jobs."""
    seconds = _enough([(size, wall_seconds(noted)) for size, noted in jobs])
    peaks = _enough([(size, peak_megabytes(noted)) for size, noted in jobs])
    return _found(fit(seconds), fit(peaks))


def _found(runtime: Law | None, mem_mb: Law | None) -> dict[str, Law]:
    laws = {"runtime": runtime, "mem_mb": mem_mb}
    return {name: law for name, law in laws.items() if law}


def _enough(amounts: Amounts) -> list[tuple[float, float]]:
    told = [(size, amount) for size, amount in amounts if amount]
    return told if len(told) >= _FEWEST else []


def _certified(
    study: StudyPlan, results: Results, done: Mapping[str, ActualCost]
) -> Iterator[tuple[int, Path]]:
    settings = settings_id(study.study.certificate)
    cells = [one.id for one in study.cells if _filled(results.cell(one.id).certificate(settings))]
    for cell, parameters in _sizes(cells, results, done):
        yield parameters, results.benchmark("certify", f"{cell}-{settings}")


def _generalised(
    study: StudyPlan, results: Results, done: Mapping[str, ActualCost]
) -> Iterator[tuple[int, Path]]:
    seeds = study.generalised_seeds
    outputs = {one.id: results.cell(one.id).generalisation(seeds) for one in study.generalised}
    cells = [cell for cell, output in outputs.items() if _filled(output)]
    for cell, parameters in _sizes(cells, results, done):
        yield parameters, results.benchmark("generalise", f"{cell}-{seeds}")


def _sizes(
    cells: Sequence[str], results: Results, done: Mapping[str, ActualCost]
) -> Iterator[tuple[str, int]]:
    """Parameters of measured cells, evenly spread; an answer is read where none is `done`."""
    for cell in _spread(cells, results):
        if cell in done:
            yield cell, done[cell].parameters
        elif answer := _answer(cell, results):
            yield cell, answer.parameters


def _spread(cells: Sequence[str], results: Results) -> list[str]:
    """As many measured cells as are read."""
    measured = [cell for cell in cells if results.cell(cell).measured]
    return measured[:: -(-len(measured) // _LEARN_FROM) or 1]


def _answer(cell: str, results: Results) -> Estimate | None:
    """None where it is damaged: it is left to the rule that remakes it."""
    try:
        return read_estimate(results.cell(cell))
    except FileError:
        return None


def _filled(output: Path) -> bool:
    """A stage that failed leaves an empty file."""
    return output.exists() and output.stat().st_size > 0
