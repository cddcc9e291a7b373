"""Print the answers of a study."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.table import Column, Table

from emc.cli.console import counted, show
from emc.cli.results_folder import measured_in
from emc.data.lookup import open_study
from emc.measurement.state import State, Status, state
from emc.records import Estimate

_WIDTH: Final = 80
_HASH: Final = 13
"""Characters at the end of an id: a hyphen and the hash."""

_KEY: Final = """EMC: samples fitted at minima, with its 95 % interval; per: EMC per parameter;
budget: samples fitted within the training budget; < upper bound; > lower bound:
the data end first, so that a smaller net or more data would tell it;
?: doubtful, `emc show CELL` says why"""


def print_results(file: Path, results: Path) -> None:
    """A table of at most 80 columns: each cell of a study with its answer, or how far it is.

    Raises:
        EmcError: the study has a fault, or there is no results folder.
    """
    study = open_study(file, results)
    places = measured_in(results)
    states = {planned.id: state(places.cell(planned.id)) for planned in study.cells}
    done = sum(one.status is Status.DONE for one in states.values())
    cells = counted(len(states), "cell")
    show(
        f"{study.name}: {done:,} of {cells} measured",
        _table(states, _beginnings(states, places.known_cells)),
    )
    show(_KEY)


def _table(states: Mapping[str, State], beginnings: Mapping[str, str]) -> Table:
    numbers = [Column(name, justify="right", no_wrap=True) for name in ("params", "EMC")]
    more = [Column("per", justify="right", no_wrap=True), Column("budget", justify="right")]
    cell, interval = Column("cell", overflow="fold"), Column("95 %", no_wrap=True)
    table = Table(cell, *numbers, interval, *more, "", box=None, width=_WIDTH, padding=(0, 1, 0, 0))
    for identity, one in states.items():
        answer = _answer(one.estimate) if one.estimate else ("", one.status, "", "", "", "")
        table.add_row(beginnings[identity], *answer)
    return table


def _answer(found: Estimate) -> tuple[str, ...]:
    end = found.samples_available
    budget = ">" if found.emc50_budget >= end else ""
    budget = "<" if found.emc50_budget == found.high_budget else budget
    low, high = (_samples(one) for one in (found.low, found.high))
    return (
        f"{found.parameters:,}",
        {(True, False): ">", (False, True): "<"}.get((found.saturated, found.below_smallest), "")
        + _samples(found.emc50),
        f"{low} to {high}",
        "" if found.emc50 is None else f"{found.emc50 / found.parameters:.3g}",
        budget + _samples(found.emc50_budget),
        "?" if found.doubts else "",
    )


def _samples(count: float | None) -> str:
    """Three digits of a number of samples."""
    if count is None:
        return "-"
    return f"{float(f'{count:.3g}'):,.0f}" if count >= 100 else f"{count:.3g}"


def _shared(one: str, other: str) -> int:
    """The length of the beginning that both have."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _beginnings(wanted: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """The shortest beginning of each id that `emc show` understands, its readable stem at least."""
    ordered = sorted({*wanted, *known})
    shared = dict.fromkeys(ordered, 0)
    for one, other in pairwise(ordered):
        length = _shared(one, other)
        shared[one], shared[other] = max(shared[one], length), max(shared[other], length)
    return {one: one[: max(shared[one] + 1, len(one) - _HASH)] for one in wanted}
