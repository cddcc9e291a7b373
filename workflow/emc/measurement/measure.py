"""Measure one cell of a study: its probes, its estimate, its deciding end points."""

import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path

from emc.data.manifest import read_manifest
from emc.data.samples import open_samples
from emc.engine import choose
from emc.engine.back_end import BackEnd
from emc.engine.persistent import Persistent
from emc.engine.procedure import Procedure
from emc.engine.slices import InSlices
from emc.measurement.checkpoints import SECONDS_BETWEEN, RoundCheckpoints, Stopping
from emc.measurement.finishing import finishing, minimises_otherwise
from emc.measurement.procedure import procedure
from emc.measurement.progress import reporter
from emc.measurement.result import deciding, estimate
from emc.measurement.rounds import Assignment, rounds_in_slices, trials
from emc.measurement.software import software
from emc.measurement.source import LabelledSamples
from emc.nets.build import size
from emc.records import Estimate, Probe
from emc.search import MOST_AT_ONCE, Answer, ExpectedCapacity, Method, make
from emc.store.checkpoint import beside
from emc.store.columns import PROBES
from emc.store.documents import write_document
from emc.store.endpoints import write_endpoints
from emc.store.journal import Journal
from emc.store.layout import CellFiles
from emc.store.rows import estimate_document, probe_row
from emc.study.cell import Cell
from emc.study.identity import cell_id
from emc.study.search import Search


@dataclass(frozen=True, slots=True)
class Measuring:
    """How a cell is measured on from where its journal ends.

    `data` is the folder of the prepared data set, `device` "cpu" or "cuda"; `back_end` forces one;
    a `stop` is looked at after each epoch. A round under way is saved every `checkpoint_seconds`,
    and before a stop.
    """

    cell: Cell
    data: Path
    files: CellFiles
    device: str
    back_end: str | None = None
    stop: Stopping | None = None
    checkpoint_seconds: float = SECONDS_BETWEEN

    def answered(self) -> InSlices[Estimate]:
        """Search for the cell's EMC and write its files.

        Raises:
            FileError: data or journal are missing or damaged.
            InUseError: another process is measuring the cell.
            EmcError: the back end refuses the cell.
            Stopped: `stop` is set; what was measured is saved.
        """
        assignment = self._assignment()
        with closing(self._journal()) as journal:
            answer = yield from self._rounds(assignment, journal, bar=sys.stderr.isatty())
            found = estimate(
                answer,
                journal.probes,
                method=self.cell.search.method,
                tolerance=self.cell.search.tolerance,
                assignment=assignment,
                parameters=size(assignment.procedure.net),
            )
            _write(self.files, journal, found, self.cell.endpoints)
        return found

    def journalled(self) -> InSlices[None]:
        """Only run the rounds: the cell's own job answers from its journal. Raises the same."""
        assignment = self._assignment()
        with closing(self._journal()) as journal:
            yield from self._rounds(assignment, journal, bar=False)

    def _rounds(self, assignment: Assignment, journal: Journal, *, bar: bool) -> InSlices[Answer]:
        search, versions = self.cell.search, software()

        def keep(key: str) -> RoundCheckpoints:
            path = beside(self.files.journal)
            return RoundCheckpoints(
                path, f"{key} by {versions}", self.checkpoint_seconds, self.stop
            )

        with (
            reporter(assignment.cell, search.tolerance, search.probes, bar=bar) as progress,
            self.stop.saving() if self.stop else nullcontext(),
        ):
            return (yield from rounds_in_slices(assignment, journal, progress, keep))

    def _journal(self) -> Journal:
        return Journal(self.files.journal, cell_id(self.cell))

    def _assignment(self) -> Assignment:
        cell, device, back_end = self.cell, self.device, self.back_end
        source = LabelledSamples(open_samples(self.data), cell.labels)
        trained = procedure(cell, source.samples.shape, source.samples.classes)
        most = round_size(choose.back_end(trained, device, back_end), device, trained)
        finish = finishing(trained, source, cell.finish, minimises_otherwise(cell), device)
        searching = method(cell.search, cell.optimizer.lr, source.available, most, finish.refused)
        run = trained, finish, searching, most, device, back_end
        return Assignment(cell_id(cell), source, *run)


def present_answer(cell: Cell, data: Path, probes: Sequence[Probe]) -> Answer:
    """What the probes of an unfinished measurement say so far.

    Raises:
        EmcError: the data set's manifest in `data` is missing or damaged.
    """
    available = read_manifest(data).samples
    found = method(cell.search, cell.optimizer.lr, available, 1, None)
    return found.answer(trials(probes))


def method(
    asked: Search,
    rates: tuple[float, ...],
    available: int,
    round_size: int,
    finish_refused: str | None,
) -> Method:
    """The search that is asked for; where nothing is finished, it can only aim at the budget."""
    told = asked.expected
    return make(
        asked.method,
        smallest=asked.smallest,
        largest=available,
        rates=rates,
        tolerance=asked.tolerance,
        probes=asked.probes,
        round_size=round_size,
        expected=None if told is None else ExpectedCapacity(told.emc50, told.factor),
        aim="budget" if finish_refused else asked.aim,
        widen=asked.widen,
    )


def round_size(back_end: BackEnd, device: str, trained: Procedure) -> int:
    """Probes per round: as many as train side by side at little more than the price of one.

    A card holds hundreds of small nets, but wide rounds cost more probes than they save time.
    """
    if back_end.name not in {"vmap", "compiled", "persistent"}:
        return 1
    if device == "cpu":
        return 8
    held = back_end.at_once(trained) if isinstance(back_end, Persistent) else MOST_AT_ONCE
    return min(MOST_AT_ONCE, held)


def _write(files: CellFiles, journal: Journal, found: Estimate, each: int) -> None:
    """Write the outputs, the estimate last; the journal stays until Snakemake knows of them."""
    from emc.store.tables import write_table

    kept = deciding(journal.probes, found, each)
    write_endpoints(files.endpoints, [(probe, journal.endpoint(probe)) for probe in kept])
    write_table(files.probes, PROBES, [probe_row(probe) for probe in journal.probes])
    write_document(files.estimate, estimate_document(found))
    journal.finish(kept)
