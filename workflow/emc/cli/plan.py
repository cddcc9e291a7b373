"""Print what a study asks for and how far it is."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from emc.measurement.cost import forecast
from emc.measurement.state import State, Status, state
from emc.store.documents import read_document
from emc.store.layout import Results
from emc.study import PlannedCell, StudyPlan, load_file
from emc.study.identity import dataset_id

_ROWS = 60
_LEARN_FROM = 200


def print_summary(file: Path) -> None:
    """One line: the study is valid and asks for so many cells."""
    study = load_file(file)
    sections = ", ".join(
        f"{name} {sum(name in planned.sections for planned in study.cells)}"
        for name in study.study.sections
    )
    print(f"{file}: study {study.name!r} is valid: {len(study.cells)} cells ({sections})")


def print_plan(file: Path, results: Path) -> None:
    """A table of cells with their state, a count of each, and the cost of what is left."""
    study = load_file(file)
    places = Results(results)
    states = {planned.id: state(places.cell(planned.id)) for planned in study.cells}
    console = Console()
    console.print(_table(study, states, places))
    counts = Counter(one.status for one in states.values())
    console.print(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))
    console.print(_cost(study, states, places), highlight=False)


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
    return [Status.RUNNING, Status.FAILED, Status.STOPPED, Status.TO_DO, Status.DONE].index(
        one.status
    )


def _so_far(planned: PlannedCell, one: State, data: Path) -> str:
    if not one.probes:
        return one.reason
    from emc.measurement.measure import present_answer

    answer = present_answer(planned.cell, data, one.probes)
    interval = f"{answer.emc50:.4g} [{answer.low:.4g}, {answer.high:.4g}]"
    last = one.probes[-1]
    return f"round {last.round}, {len(one.probes)} probes, emc50 {interval} {one.reason}".strip()


def _cost(study: StudyPlan, states: dict[str, State], places: Results) -> str:
    done = [planned for planned in study.cells if states[planned.id].status is Status.DONE]
    left = [planned for planned in study.cells if states[planned.id].status is not Status.DONE]
    if not left:
        return "nothing left to measure"
    known = [_paid(places, one.id) for one in done[:_LEARN_FROM]]
    expected = forecast(known, [_size(one) for one in left])
    if expected is None:
        return "cost: unknown until a first cell has finished"
    return (
        f"cost: about {_duration(expected.seconds)} of training on one worker for {len(left)} cells"
        f" (from {expected.learnt_from} finished cells; a cell may be off by a factor of"
        f" {expected.factor:.2g})"
    )


def _size(planned: PlannedCell) -> int | None:
    """The number of parameters, where the data set's shape is known beforehand."""
    return planned.cell.parameters if planned.cell.dataset.facts else None


def _paid(places: Results, cell: str) -> tuple[int, float]:
    """Parameters and seconds of a finished cell."""
    document = read_document(places.cell(cell).estimate, rebuilt_by="the rule measure")
    return int(document["parameters"]), float(document["seconds"])


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
