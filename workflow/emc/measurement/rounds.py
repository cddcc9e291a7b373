"""The rounds of a measurement: ask the search, train, journal, until it is answered."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from emc.data.labelling import Drawn
from emc.engine import run_probes
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints
from emc.engine.procedure import Procedure, Replica, Run
from emc.records import Outcome, Probe
from emc.search import Answer, Method, Request, Trial
from emc.seeds import derive

log = logging.getLogger(__name__)

Parameters = dict[str, np.ndarray]
_TRACE_POINTS = 24


class Source(Protocol):
    """Where a probe's samples come from."""

    @property
    def available(self) -> int:
        """Largest n that can be drawn."""

    def draw(self, n: int, seed: int) -> Drawn:
        """n samples with their labels, all from the seed."""


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
class Setting:
    """Everything that stays the same over the rounds of a measurement."""

    cell: str
    source: Source
    procedure: Procedure
    method: Method
    device: str
    back_end: str | None


Progress = Callable[[int, int, Callable[[], Answer]], None]
"""Called after each round with its number, how many probes there are, and a way to the answer."""

Keep = Callable[[str], Checkpoints]
"""Gives a round its checkpoints, by a text that tells it from all others."""


def run_rounds(
    setting: Setting, journal: Rounds, progress: Progress, keep: Keep = lambda _: NO_CHECKPOINTS
) -> Answer:
    """Run rounds until the search is answered; rounds in the journal are not run again.

    A round whose checkpoints have something goes on from there.
    """

    def answer() -> Answer:
        return setting.method.answer(trials(journal.probes))

    while requests := setting.method.requests(trials(journal.probes)):
        number = len(journal.rounds)
        checkpoints = keep(f"{setting.cell} round {number} on {setting.device}: {requests}")
        probes, endpoints = _run_round(setting, number, requests, checkpoints)
        journal.append(probes, endpoints)
        progress(number, len(journal.probes), answer)
    return answer()


def trials(probes: Sequence[Probe]) -> list[Trial]:
    """What the search needs to know of each probe."""
    return [
        Trial(
            n=probe.n,
            lr=probe.lr,
            fit=probe.outcome is Outcome.FIT,
            censored=probe.outcome is Outcome.CENSORED,
        )
        for probe in probes
    ]


def probe_seed(cell: str, number: int, replica: int) -> int:
    """Seed of a probe: the same cell always has the same probes."""
    return derive(cell, number, replica)


def _run_round(
    setting: Setting, number: int, requests: Sequence[Request], checkpoints: Checkpoints
) -> tuple[list[Probe], list[Parameters]]:
    replicas = [
        replica(setting.source, request.n, request.lr, probe_seed(setting.cell, number, place))
        for place, request in enumerate(requests)
    ]
    runs = run_probes(
        setting.procedure,
        replicas,
        device=setting.device,
        back_end=setting.back_end,
        checkpoints=checkpoints,
    )
    probes = [
        _probe(setting, number, place, trainee, run)
        for place, (trainee, run) in enumerate(zip(replicas, runs, strict=True))
    ]
    return probes, [run.parameters for run in runs]


def replica(source: Source, n: int, lr: float, seed: int) -> Replica:
    """A run to train on n samples, all that is random in it being drawn from the seed."""
    drawn = source.draw(n, seed)
    return Replica(drawn.inputs, drawn.rows, drawn.labels, seed, lr)


def _probe(setting: Setting, number: int, place: int, replica: Replica, run: Run) -> Probe:
    looks = _trace(len(run.epoch_losses))
    return Probe(
        cell=setting.cell,
        round=number,
        replica=place,
        seed=replica.seed,
        n=replica.n,
        lr=replica.lr,
        outcome=run.outcome,
        epochs=run.epochs,
        steps=run.steps,
        gradient_evaluations=run.gradient_evaluations,
        milestones=run.milestones,
        accuracy=run.accuracy,
        loss=run.loss,
        gradient_norm=run.gradient_norm,
        plateau=run.plateau,
        memorised_bits=run.memorised_bits,
        back_end=run.back_end,
        device=setting.device,
        seconds=run.seconds,
        trace_epochs=tuple(int(epoch) + 1 for epoch in looks),
        trace_losses=tuple(float(run.epoch_losses[epoch]) for epoch in looks),
    )


def _trace(epochs: int) -> np.ndarray:
    """Indices of at most `_TRACE_POINTS` epochs, evenly spread in the logarithm."""
    if not epochs:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.geomspace(1, epochs, _TRACE_POINTS).round().astype(np.int64)) - 1
