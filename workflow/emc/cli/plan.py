"""Print what a study asks for and how far it is."""

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from shlex import quote
from typing import Literal

from rich.table import Column, Table

from emc.cli.console import counted, show
from emc.cli.shared_jobs import told_of_shared_jobs
from emc.data.lookup import Lookup
from emc.engine.device import resolve
from emc.errors import EmcError
from emc.measurement.cost import Forecast, forecast
from emc.measurement.device_choice import Workers, devices, places_on_cards
from emc.measurement.expectation import ExpectedCost, expectations
from emc.measurement.experience import corrected, taken
from emc.measurement.machine import known_paces
from emc.measurement.state import State, Status, state
from emc.records import Failure
from emc.store.failures import failures
from emc.store.layout import Results
from emc.store.paces import Paces
from emc.study import PlannedCell, StudyPlan, load_file
from emc.study.identity import dataset_id, settings_id

_ROWS = 60
_ORDER = (
    Status.RUNNING,
    Status.DAMAGED,
    Status.FAILED,
    Status.STOPPED,
    Status.TO_DO,
    Status.DONE,
)


def print_plan(
    file: Path, results: Path, watts: float | None = None, *, calibrate: bool = False
) -> None:
    """A table of cells with their state, a count of each, what failed, and the cost of the rest.

    `watts` is the power that a worker draws, for the energy. `calibrate` tries the kinds of nets
    that this machine does not know yet, a moment each, and keeps what it finds.
    """
    if watts is not None and not isfinite(watts):
        raise EmcError(f"--watts: expected a finite power, found {watts:g}")
    places = Results(results)
    lookup = Lookup(places)
    study = load_file(file, lookup.facts)
    states = {planned.id: state(places.cell(planned.id)) for planned in study.cells}
    later = _failed_later(study, places)
    show(_table(study, states, later, places))
    if not results.is_dir():
        print(f"{results}: no such folder yet: nothing was measured here")
    counts = Counter(one.status for one in states.values())
    show(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))
    if study.generalised:
        show(_tested(study, places))
    if later or counts[Status.FAILED]:
        show(_failed(counts[Status.FAILED], later, file))
    for fault in _faults_of_data(study, lookup):
        show(fault)
    show(_cost(study, states, places, watts=watts, calibrate=calibrate))
    for told in (_devices(study, states), told_of_shared_jobs(os.environ)):
        if told:
            show(told)


def _faults_of_data(study: StudyPlan, lookup: Lookup) -> list[str]:
    """Why data cannot be read on which the size of a cell's net depends, once for each reason."""
    found: dict[str, str] = {}
    for planned in study.cells:
        if not planned.cell.known:
            try:
                lookup.examined(planned.cell.dataset, study.study.data_dir)
            except EmcError as error:
                found.setdefault(str(error), planned.sections[0])
    return [f"{study.file}: section {at!r}: dataset: {error}" for error, at in found.items()]


def _failed_later(study: StudyPlan, places: Results) -> dict[str, list[Failure]]:
    """Failures after the measurement, of the cells that have any."""
    settings, seeds = settings_id(study.study.certificate), study.generalised_seeds
    found = {
        planned.id: [
            one
            for one in failures(places.cell(planned.id), settings, seeds)
            if one.stage != "measure"
        ]
        for planned in study.cells
    }
    return {cell: failed for cell, failed in found.items() if failed}


def _failed(unmeasured: int, later: Mapping[str, Sequence[Failure]], file: Path) -> str:
    stages = Counter(one.stage for failed in later.values() for one in failed)
    if unmeasured:
        stages["measure"] = unmeasured
    counts = ", ".join(
        f"{stage} of {counted(count, 'cell')}" for stage, count in sorted(stages.items())
    )
    return f"failed: {counts}; not tried again until `emc retry {quote(str(file))} --all` clears it"


def _table(
    study: StudyPlan,
    states: dict[str, State],
    later: Mapping[str, Sequence[Failure]],
    places: Results,
) -> Table:
    cell = Column("cell", overflow="fold", min_width=40)
    table = Table(cell, "parameters", "state", "so far", box=None)
    ordered = sorted(
        study.cells, key=lambda planned: _urgency(states[planned.id], planned.id in later)
    )
    for planned in ordered[:_ROWS]:
        one = states[planned.id]
        failed = later.get(planned.id, ())
        status = ", ".join([one.status, *(f"{each.stage} failed" for each in failed)])
        data = places.data(dataset_id(planned.cell.dataset))
        so_far = "; ".join(filter(None, [_so_far(planned, one, data), *(f.reason for f in failed)]))
        table.add_row(planned.id, str(_size(planned) or "?"), status, so_far)
    if len(study.cells) > _ROWS:
        table.add_row(f"... and {len(study.cells) - _ROWS} more", "", "", "")
    return table


def _urgency(one: State, failed_later: bool) -> int:
    place = _ORDER.index(one.status)
    return min(place, _ORDER.index(Status.FAILED)) if failed_later else place


def _so_far(planned: PlannedCell, one: State, data: Path) -> str:
    if one.estimate is not None:
        return "; ".join((one.estimate.told, *one.estimate.doubts))
    if not one.probes:
        return one.reason
    from emc.measurement.measure import present_answer
    from emc.measurement.progress import present

    try:
        answer = present_answer(planned.cell, data, one.probes)
    except EmcError as error:
        return f"{len(one.probes)} probes; {error}"
    last = one.probes[-1]
    return f"round {last.round}, {len(one.probes)} probes, {present(answer)} {one.reason}".strip()


def _tested(study: StudyPlan, places: Results) -> str:
    seeds = study.generalised_seeds
    files = [places.cell(planned.id).generalisation(seeds) for planned in study.generalised]
    done = sum(file.exists() and file.stat().st_size > 0 for file in files)
    of, runs = counted(len(files), "cell"), counted(seeds, "run")
    return f"generalisation: {done} of {of} tested, {runs} each"


def _cost(
    study: StudyPlan,
    states: dict[str, State],
    places: Results,
    *,
    watts: float | None,
    calibrate: bool,
) -> str:
    over = {Status.DONE, Status.FAILED}
    left = [one for one in study.cells if states[one.id].status not in over]
    if not left:
        return "nothing left to measure"
    done = taken(study, places)
    device = resolve("auto")
    if calibrate and device != "cpu":
        _calibrated(left, "cpu")  # what a card is compared with
    paces = _calibrated(left, device) if calibrate else known_paces(device)
    expected = expectations(study.cells, paces, device)
    costs = corrected(study, expected, done) if done else expected
    spent = {cell: (one.parameters, one.seconds) for cell, one in done.items()}
    seconds = _forecast(costs, spent, left, "seconds")
    if seconds is None:
        return f"cost: unknown until {_told_by(left, calibrated=calibrate)}"
    worker = "GPU" if device == "cuda" else "worker"
    energy = f", {seconds.total * watts / 3.6e6:.3g} kWh at {watts:g} W" if watts else ""
    noted = {cell: (one.parameters, one.megabytes) for cell, one in done.items() if one.megabytes}
    memory = _forecast(costs if noted else expected, noted, left, "megabytes")
    return (
        f"cost: about {_duration(seconds.total)} of training on one {worker}{energy} for"
        f" {counted(len(left), 'cell')}, {_duration(seconds.largest)} for the longest\n"
        f"{_memory(memory)}"
        f"{_not_told(left, costs)}"
        f"{_learnt(seconds, bool(paces))}; {_error(seconds)}"
    )


def _told_by(left: Sequence[PlannedCell], *, calibrated: bool) -> str:
    """What has to happen before a cost is known."""
    if not any(one.cell.known for one in left):
        return "the data can be read"
    if calibrated:
        return "a net could be timed, or a first cell has finished: try again"
    return "a first cell has finished, or --calibrate has found how fast this machine is"


def _devices(study: StudyPlan, states: Mapping[str, State]) -> str:
    """Which cells take a card of this machine, where it has one or one is named."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    workers = Workers(cores or 1, places_on_cards(os.environ))
    left = [one for one in study.cells if states[one.id].estimate is None]
    found = devices(left, workers)
    if found is None or not left:
        return ""
    taken = sum(map(found.takes_card, left))
    gains = [told.gain for told in map(found.foretold, left) if told is not None]
    span = f"{min(gains):.2g} to {max(gains):.2g}" if gains else "nothing"
    return (
        f"cards: {counted(taken, 'cell')} on a card ({found.model or 'unnamed'}),"
        f" {len(left) - taken} on the processor; foretold gains are {span}, one is taken from"
        f" {found.gain:.2g}"
    )


def _forecast(
    costs: Mapping[str, ExpectedCost],
    done: Mapping[str, tuple[int, float]],
    left: Sequence[PlannedCell],
    what: Literal["seconds", "megabytes"],
) -> Forecast | None:
    """What is left, from what is expected of each cell if anything is, else from parameters."""
    if not costs:
        return forecast(list(done.values()), [_size(one) for one in left])
    amounts = {cell: float(getattr(one, what)) for cell, one in costs.items()}
    known = [(amounts[cell], amount) for cell, (_, amount) in done.items() if cell in amounts]
    return forecast(known, [amounts.get(one.id) for one in left], expected=True)


def _calibrated(left: Sequence[PlannedCell], device: str) -> Paces:
    from emc.measurement.calibrate import calibrate

    cells = [one.cell for one in left if one.cell.known]
    paces, errors = calibrate(cells, device, lambda told: print(told, file=sys.stderr))
    for error in errors:
        print(f"a cell could not be timed: {error}", file=sys.stderr)
    return paces


def _learnt(expected: Forecast, by_pace: bool) -> str:
    finished = f"from {counted(expected.learnt_from, 'cell')} that finished"
    if not by_pace:
        return finished
    pace = "from this machine's pace in short timing runs"
    return f"{pace} and {finished}" if expected.learnt_from else pace


def _memory(expected: Forecast | None) -> str:
    if expected is None:
        return ""
    return f"memory: about {expected.largest:.0f} MB for the largest ({_left_out(expected)})\n"


def _not_told(left: Sequence[PlannedCell], costs: Mapping[str, ExpectedCost]) -> str:
    """Of how many cells nothing is expected, where something is of others, and why."""
    missing = [one.cell.known is not None for one in left if costs and one.id not in costs]
    reasons = {
        "nothing like {} was timed (--calibrate does)": sum(missing),
        "of {} the data are not known yet": len(missing) - sum(missing),
    }
    return "".join(
        f"{reason.format(counted(count, 'cell'))}: taken for the median of the others\n"
        for reason, count in reasons.items()
        if count
    )


def _error(expected: Forecast) -> str:
    if not isfinite(expected.factor):
        return _TOO_FEW
    off = f"a cell may be off by a factor of {expected.factor:.2g}"
    return f"{off}, {_left_out(expected)}" if expected.learnt_from else off


def _left_out(expected: Forecast) -> str:
    if not expected.learnt_from:
        return "as in short timing runs"
    if not isfinite(expected.left_out):
        return _TOO_FEW
    return f"each predicted from the others is off by a factor of {expected.left_out:.2g}"


_TOO_FEW = "too few have finished to tell how far off this is"


def _size(planned: PlannedCell) -> int | None:
    """The number of parameters, where the data set's shape is known beforehand."""
    return planned.cell.parameters if planned.cell.known else None


def _duration(seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} seconds"
