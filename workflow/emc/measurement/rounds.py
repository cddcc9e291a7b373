"""The rounds of a measurement: ask the search, train, journal, until it is answered."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger
from emc.engine.choose import prefer, probes_in_slices, settle
from emc.engine.device import card_of
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.slices import InSlices, alone
from emc.measurement.finishing import Finishing
from emc.measurement.source import Source, replica
from emc.records import Ended, Finish, Probe
from emc.search import Answer, Method, Request, Trial
from emc.seeds import derive
from emc.store.journal import Parameters

log = logging.getLogger(__name__)


class Rounds(Protocol):
    """A journal, on disk or in memory."""

    @property
    def probes(self) -> list[Probe]:
        """All probes, in order."""

    @property
    def rounds(self) -> Sequence[Sequence[Probe]]:
        """Probes of the finished rounds, in order."""

    def append(self, probes: Sequence[Probe], endpoints: Sequence[Parameters]) -> None:
        """Add a finished round."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Everything that stays the same over the rounds of a measurement."""

    cell: str
    source: Source
    procedure: Procedure
    finishing: Finishing
    method: Method
    round_size: int
    device: str
    back_end: str | None


Report = Callable[[int, int, Callable[[], Answer]], None]
"""Called after each round with its number, how many probes there are, and a way to the answer."""

Keep = Callable[[str], Checkpoints]
"""Gives a round its checkpoints, by a text that tells it from all others."""


def run_rounds(
    assignment: Assignment,
    journal: Rounds,
    progress: Report,
    keep: Keep = lambda _: NO_CHECKPOINTS,
) -> Answer:
    """As `rounds_in_slices` says, each slice being launched by itself."""
    return alone(rounds_in_slices(assignment, journal, progress, keep))


def rounds_in_slices(
    assignment: Assignment,
    journal: Rounds,
    progress: Report,
    keep: Keep = lambda _: NO_CHECKPOINTS,
) -> InSlices[Answer]:
    """Run rounds until the search is answered; rounds in the journal are not run again.

    A round whose checkpoints have something goes on from there. Where no back end is forced, all
    rounds take the one that was fastest in a timing run before the first, also in another process.
    """

    def answer() -> Answer:
        return assignment.method.answer(trials(journal.probes))

    while requests := assignment.method.requests(trials(journal.probes)):
        number = len(journal.rounds)
        checkpoints = keep(f"{assignment.cell} round {number} on {assignment.device}: {requests}")
        probes, endpoints = yield from _run_round(assignment, journal, requests, checkpoints)
        journal.append(probes, endpoints)
        progress(number, len(journal.probes), answer)
    return answer()


def trials(probes: Sequence[Probe]) -> list[Trial]:
    """What the search needs to know of each probe."""
    return [
        Trial(
            n=probe.n,
            lr=probe.lr,
            within_budget=probe.run.ended is Ended.FIT,
            at_minimum=probe.outcome.fits_at_minimum,
        )
        for probe in probes
    ]


def probe_seed(cell: str, number: int, replica: int) -> int:
    """Seed of a probe: the same cell always has the same probes."""
    return derive(cell, number, replica)


def _run_round(
    assignment: Assignment, journal: Rounds, requests: Sequence[Request], checkpoints: Checkpoints
) -> InSlices[tuple[list[Probe], list[Parameters]]]:
    number = len(journal.rounds)
    replicas = [
        replica(
            assignment.source, request.n, request.lr, probe_seed(assignment.cell, number, place)
        )
        for place, request in enumerate(requests)
    ]
    if assignment.back_end is None:
        _choose_back_end(assignment, replicas, journal.rounds, checkpoints)
    runs = yield from probes_in_slices(
        assignment.procedure,
        replicas,
        device=assignment.device,
        back_end=assignment.back_end,
        checkpoints=checkpoints,
    )
    ends = _finished(assignment.finishing, replicas, runs, checkpoints)
    card = card_of(assignment.device)
    probes = [
        Probe(
            cell=assignment.cell,
            round=number,
            replica=place,
            seed=trainee.seed,
            n=trainee.n,
            lr=trainee.lr,
            device=assignment.device,
            card=card,
            run=run.numbers,
            finish=finish,
        )
        for place, (trainee, run, (finish, _)) in enumerate(zip(replicas, runs, ends, strict=True))
    ]
    return probes, [parameters for _, parameters in ends]


def _finished(
    finishing: Finishing,
    replicas: Sequence[Replica],
    runs: Sequence[TrainedRun],
    checkpoints: Checkpoints,
) -> list[tuple[Finish | None, Parameters]]:
    """What became of each run; the trained ones are kept meanwhile, for one who stops the job."""
    ledger = Ledger(checkpoints, runs[0].numbers.back_end)
    ends = []
    for each in zip(replicas, runs, strict=True):
        ledger.keep(runs)
        ends.append(finishing.finished(*each))
    return ends


def _choose_back_end(
    assignment: Assignment,
    replicas: Sequence[Replica],
    rounds: Sequence[Sequence[Probe]],
    checkpoints: Checkpoints,
) -> None:
    """Take the back end of the last round, or of one under way; before the first, the fastest."""
    trained, device = assignment.procedure, assignment.device
    if rounds and (last := rounds[-1][-1]).device == device:
        prefer(trained, device, last.run.back_end)
    elif (kept := checkpoints.load()) is not None:
        prefer(trained, device, kept.facts["back_end"])
    else:
        settle(trained, replicas, device)
