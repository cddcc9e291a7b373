"""Print what a study asks for and how far it is."""

from collections import Counter
from math import isfinite
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from emc.errors import FileError
from emc.measurement.cost import forecast
from emc.measurement.state import State, Status, state
from emc.records import Estimate
from emc.store.benchmarks import peak_megabytes
from emc.store.layout import Results
from emc.study import PlannedCell, StudyPlan, load_file
from emc.study.identity import dataset_id

_ROWS = 60
_LEARN_FROM = 200
_ORDER = (
    Status.RUNNING,
    Status.DAMAGED,
    Status.FAILED,
    Status.STOPPED,
    Status.TO_DO,
    Status.DONE,
)


def print_summary(file: Path) -> None:
    """One line: the study is valid and asks for so many cells."""
    study = load_file(file)
    sections = ", ".join(
        f"{name} {sum(name in planned.sections for planned in study.cells)}"
        for name in study.study.sections
    )
    cells = _cells(len(study.cells))
    print(f"{file}: study {study.name!r} is valid: {cells} (by section: {sections})")
    if study.generalised:
        print(f"generalisation: {study.generalised_seeds} runs of {len(study.generalised)} cells")


def print_plan(
    file: Path, results: Path, watts: float | None = None, *, calibrate: bool = False
) -> None:
    """A table of cells with their state, a count of each, and the cost of what is left.

    `watts` is the power that a worker draws, for the energy. `calibrate` trains a few cells for a
    moment where none has finished.
    """
    study = load_file(file)
    places = Results(results)
    states = {planned.id: state(places.cell(planned.id)) for planned in study.cells}
    console = Console()
    console.print(_table(study, states, places))
    if not results.is_dir():
        print(f"{results}: no such folder yet: nothing was measured here")
    counts = Counter(one.status for one in states.values())
    console.print(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))
    if study.generalised:
        console.print(_tested(study, places))
    console.print(_cost(study, states, places, watts=watts, calibrate=calibrate), highlight=False)


def _table(study: StudyPlan, states: dict[str, State], places: Results) -> Table:
    cell = Column("cell", overflow="fold", min_width=40)
    table = Table(cell, "parameters", "state", "so far", box=None)
    shown = sorted(study.cells, key=lambda planned: _urgency(states[planned.id]))[:_ROWS]
    for planned in shown:
        one = states[planned.id]
        data = places.data(dataset_id(planned.cell.dataset))
        so_far = _so_far(planned, one, data)
        table.add_row(planned.id, str(_size(planned) or "?"), one.status, so_far)
    if len(study.cells) > _ROWS:
        table.add_row(f"... and {len(study.cells) - _ROWS} more", "", "", "")
    return table


def _urgency(one: State) -> int:
    return _ORDER.index(one.status)


def _so_far(planned: PlannedCell, one: State, data: Path) -> str:
    if not one.probes:
        return one.reason
    from emc.measurement.measure import present_answer

    try:
        answer = present_answer(planned.cell, data, one.probes)
    except FileError as error:
        return f"{len(one.probes)} probes; {error}"
    interval = f"{answer.emc50:.4g} [{answer.low:.4g}, {answer.high:.4g}]"
    last = one.probes[-1]
    return f"round {last.round}, {len(one.probes)} probes, emc50 {interval} {one.reason}".strip()


def _tested(study: StudyPlan, places: Results) -> str:
    seeds = study.generalised_seeds
    files = [places.cell(planned.id).generalisation(seeds) for planned in study.generalised]
    done = sum(file.exists() for file in files)
    return f"generalisation: {done} of {len(files)} cells tested, {seeds} runs each"


def _cost(
    study: StudyPlan,
    states: dict[str, State],
    places: Results,
    *,
    watts: float | None,
    calibrate: bool,
) -> str:
    left = [one for one in study.cells if states[one.id].status is not Status.DONE]
    if not left:
        return "nothing left to measure"
    done = [one.id for one in study.cells if states[one.id].status is Status.DONE]
    paid = [_paid(states[cell].estimate) for cell in done[:_LEARN_FROM]]
    learnt = f"from {_cells(len(paid))} that finished"
    if calibrate and not paid:
        paid, learnt = _calibrated(left, places), "at most, from short runs of a few cells"
    sizes = [_size(one) for one in left]
    expected = forecast(paid, sizes)
    if expected is None:
        return "cost: unknown until a first cell has finished; --calibrate tries a few"
    energy = f", {expected.total * watts / 3.6e6:.3g} kWh at {watts:g} W" if watts else ""
    return (
        f"cost: about {_duration(expected.total)} of training on one worker{energy} for"
        f" {_cells(len(left))}, {_duration(expected.largest)} for the longest\n"
        f"{_memory(paid, done, sizes, places)}"
        f"{learnt}; a cell may be off by a factor of {_factor(expected.factor)}, each predicted"
        f" from the others is off by {_factor(expected.left_out)}"
    )


def _calibrated(left: list[PlannedCell], places: Results) -> list[tuple[int, float]]:
    from emc.measurement.calibrate import calibrate

    return calibrate([one.cell for one in left], places)


def _memory(
    paid: list[tuple[int, float]], done: list[str], left: list[int | None], places: Results
) -> str:
    peaks = [peak_megabytes(places.benchmark("measure", cell)) for cell in done[:_LEARN_FROM]]
    known = [(size, peak) for (size, _), peak in zip(paid, peaks, strict=False) if peak]
    expected = forecast(known, left)
    if expected is None:
        return ""
    return (
        f"memory: about {expected.largest:.0f} MB for the largest (each predicted from the others"
        f" is off by a factor of {_factor(expected.left_out)})\n"
    )


def _factor(value: float) -> str:
    return f"{value:.2g}" if isfinite(value) else "unknown: too few have finished"


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _size(planned: PlannedCell) -> int | None:
    """The number of parameters, where the data set's shape is known beforehand."""
    return planned.cell.parameters if planned.cell.dataset.facts else None


def _paid(estimate: Estimate | None) -> tuple[int, float]:
    """Parameters and seconds of a finished cell."""
    assert estimate is not None
    return estimate.parameters, estimate.seconds


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
