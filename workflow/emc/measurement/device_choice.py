"""Whether a cell's jobs take a card: only where that is foretold to end the study sooner."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import inf, isnan
from operator import add
from typing import Final

from emc.data.manifest import read_manifest
from emc.engine.procedure import Procedure
from emc.errors import MachineError
from emc.jobs.cards import jobs_per_device, visible_devices, visible_model
from emc.measurement.foretold import (
    Foretold,
    differentiated_by_kernels,
    foretold,
    foretold_call,
    foretold_runs,
    paces_here,
)
from emc.store.layout import Results
from emc.study import PlannedCell
from emc.study.cell import Cell
from emc.study.identity import dataset_id
from emc.study.search import Search

GAIN: Final = "EMC_GPU_GAIN"
"""Environment variable: how many times faster than a core a card must be for a job to take it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Workers:
    """What a study may use at once: cores, and jobs on cards."""

    cores: int
    cards: int


def places_on_cards(environment: Mapping[str, str]) -> int:
    """Jobs that may hold a card of this machine at once.

    Raises:
        MachineError: the environment says wrongly how many may share one.
    """
    return len(visible_devices(environment)) * jobs_per_device(environment)


def worthwhile_gain(cells: Sequence[Foretold], workers: Workers) -> float:
    """The gain from which a cell should take a card, so that a study ends soonest.

    Cells are given to cards, those first that gain most, until cards and cores end together; a job
    on a card needs a core beside it. A study where no card helps has none: infinity. It never ends
    later than on the cores alone, if what is foretold is right.
    """
    ordered = sorted(cells, key=lambda one: -one.gain)
    seconds = [one.processor for one in reversed(ordered)]
    # Of the cells that gain least: of none, of one, and so on.
    together, longest = ([*accumulate(seconds, of, initial=0.0)] for of in (add, max))
    best, gain = _on_cores(together[-1], longest[-1], workers.cores), inf
    if not workers.cards:
        return gain
    on_cards = 0.0
    for taken, one in enumerate(ordered, start=1):
        on_cards += one.processor / one.gain
        cards, rest = min(workers.cards, taken), len(ordered) - taken
        left = _on_cores(together[rest], longest[rest], max(workers.cores - cards, 0))
        if (ends := max(on_cards / cards, left)) < best:
            best, gain = ends, one.gain
    return gain


def _on_cores(together: float, longest: float, cores: int) -> float:
    """Seconds until cells end that cores share, by what all of them and the longest one take."""
    if not together:
        return 0.0
    return max(together / cores, longest) if cores else inf


def wanted_gain(environment: Mapping[str, str]) -> float:
    """What the environment says of it; 1 where it says nothing.

    Raises:
        MachineError: it is no number from 0.
    """
    text = environment.get(GAIN, "1")
    try:
        gain = float(text)
    except ValueError:
        gain = -1.0
    if isnan(gain) or gain < 0:
        raise MachineError(f"{GAIN}: expected a number from 0, or inf, found {text!r}")
    return gain


def known_cell(cell: Cell, results: Results) -> Cell:
    """The cell with what is known of its prepared data set.

    Raises:
        FileError: the data set's manifest is missing or damaged.
        EmcError: the data set could not be prepared.
    """
    return cell.knowing(read_manifest(results.data(dataset_id(cell.dataset))).facts)


def device_to_measure(cell: Cell, asked: str) -> str:
    """The device of a measurement: of "auto" the processor where no card is worth it.

    Raises:
        FileError: what is known of this machine's pace is damaged.
        MachineError: the environment does not say rightly how much faster a card must be.
    """
    return _device(asked, lambda model: foretold(cell, model, paces_here()))


def device_to_test(cell: Cell, runs: int) -> str:
    """The same of as many runs on all samples. Raises as `device_to_measure` does."""
    return _device("auto", lambda model: foretold_runs(cell, runs, model, paces_here()))


def device_to_call(trained: Procedure, search: Search, rates: int, available: int) -> str:
    """The same of a call of `emc.measure` on so many samples; raises what that raises."""
    return _device("auto", lambda model: foretold_call(trained, search, rates, available, model))


def device_to_certify(cell: Cell) -> str:
    """The same of certificates: kernels differentiate the nets that they know on the processor."""
    return "cpu" if differentiated_by_kernels(cell) else "auto"


def _device(asked: str, ask: Callable[[str], Foretold | None]) -> str:
    model = visible_model(os.environ)
    if asked != "auto" or model is None or (found := ask(model)) is None:
        return asked
    gain = wanted_gain(os.environ)
    taken = found.gain >= gain
    log.info(
        "%s: %s; a gain of %.2g, wanted %.2g",
        "a card" if taken else "the processor",
        *(found.told, found.gain, gain),
    )
    return asked if taken else "cpu"


@dataclass(frozen=True, slots=True)
class Devices:
    """Which jobs of a study ask for a card of a model.

    `known` holds what was foretold so far, by cell: None where it cannot be.
    """

    model: str
    gain: float
    known: dict[str, Foretold | None] = field(default_factory=dict)

    def foretold(self, cell: PlannedCell) -> Foretold | None:
        """What the measurement of a cell takes; it is foretold once.

        Raises:
            FileError: what is known of this machine's pace is damaged.
        """
        if cell.id not in self.known:
            self.known[cell.id] = foretold(cell.cell, self.model, paces_here())
        return self.known[cell.id]

    def takes_card(self, cell: PlannedCell) -> bool:
        """Whether the measurement of a cell does: yes where nothing is foretold."""
        found = self.foretold(cell)
        return found is None or found.gain >= self.gain

    def takes_card_to_test(self, cell: PlannedCell, runs: int) -> bool:
        """Whether as many runs on all samples do."""
        found = foretold_runs(cell.cell, runs, self.model, paces_here())
        return found is None or found.gain >= self.gain


def devices(left: Iterable[PlannedCell], workers: Workers | None) -> Devices | None:
    """Who takes a card, where one can be seen or is named; else None.

    `left` are the cells that still are to be measured. The environment's gain counts, else the one
    that suits the `workers`; without both it is 1. Only where these decide is anything foretold
    beforehand: of thousands of cells it takes seconds.

    Raises:
        FileError, MachineError: as `device_to_measure` has them.
    """
    model = visible_model(os.environ)
    if model is None:
        return None
    if GAIN in os.environ or workers is None:
        return Devices(model, wanted_gain(os.environ))
    known = {one.id: foretold(one.cell, model, paces_here()) for one in left}
    told = [one for one in known.values() if one is not None]
    return Devices(model, worthwhile_gain(told, workers), known)
