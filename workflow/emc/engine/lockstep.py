"""Replicas that pass through their epochs side by side, each with its own n, rate and order."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from emc.engine.batches import Batches, epoch_batches
from emc.engine.epoch import EpochPlan, epoch_plan
from emc.engine.fresh import fresh
from emc.engine.order import Shuffles
from emc.engine.procedure import Procedure, Replica, Run
from emc.engine.progress import EndPoint, Progress
from emc.engine.runner import Runner
from emc.engine.schedule import rate_factors, steps_of_budget
from emc.engine.stack import Stack, stacked
from emc.engine.update import RATES, moment_count, step_rates

_NO_RATES = np.empty((0, RATES), dtype=np.float32)


@dataclass(slots=True)
class _Lane:
    """A replica that still trains: its number in the call and its row of the stack."""

    number: int
    row: int
    replica: Replica
    progress: Progress
    batches: Iterator[Batches]


_Taken = dict[int, tuple[Batches, _Lane]]
"""What an epoch trains: by row of the stack, the batches and whose they are."""


class Lockstep:
    """Trains replicas together until the last one is over; those that are leave the stack."""

    def __init__(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        runner: Runner,
        device: torch.device,
        back_end: str,
    ) -> None:
        """Put the replicas on the device, at their initial weights."""
        self._procedure, self._runner, self._back_end = procedure, runner, back_end
        self._shuffles = Shuffles([r.seed for r in replicas], [r.n for r in replicas])
        self._lanes = [self._lane(number, replica) for number, replica in enumerate(replicas)]
        self._width = runner.width(max(self._rows_a_step(replica) for replica in replicas))
        nets = [fresh(procedure, replica.seed) for replica in replicas]
        moments = moment_count(procedure.update)
        self._stack = stacked(runner.step.net, nets, replicas, moments, device)
        self._pad()

    def run(self) -> list[Run]:
        """Train to the end; answers in the order of the replicas."""
        runs: dict[int, Run] = {}
        while self._lanes:
            start = time.perf_counter()
            self._epoch()
            ended = [lane for lane in self._lanes if lane.progress.outcome is not None]
            ends = self._end_points(ended)
            self._share_time(time.perf_counter() - start)
            for lane, end in zip(ended, ends, strict=True):
                runs[lane.number] = lane.progress.run(end, self._back_end)
            self._drop(ended)
        return [runs[number] for number in sorted(runs)]

    def _lane(self, number: int, replica: Replica) -> _Lane:
        orders = self._shuffles.epochs(number)
        batches = epoch_batches(self._procedure, replica.n, orders)
        return _Lane(number, number, replica, Progress(self._procedure, replica.n), batches)

    def _rows_a_step(self, replica: Replica) -> int:
        batch = self._procedure.batch
        return replica.n if batch is None else min(batch, replica.n)

    def _epoch(self) -> None:
        taken = {lane.row: (next(lane.batches), lane) for lane in self._lanes}
        losses = self._runner.train(self._stack, self._plan(taken))
        finite = self._stack.weights.isfinite().all(1)
        correct = self._runner.correct(self._stack)
        on_host = (tensor.cpu().numpy() for tensor in (losses, finite, correct))
        self._record(taken, *on_host)
        self._judge()

    def _record(
        self, taken: _Taken, losses: np.ndarray, finite: np.ndarray, correct: np.ndarray
    ) -> None:
        for row, (batches, lane) in taken.items():
            lane.progress.add_epoch(
                losses[: len(batches), row],
                [len(batch) for batch in batches],
                finite=bool(finite[row]),
                correct=int(correct[row]),
            )

    def _plan(self, taken: _Taken) -> EpochPlan:
        batches: list[Batches] = [[]] * self._stack.height
        rates = [_NO_RATES] * self._stack.height
        for row, (own, lane) in taken.items():
            batches[row], rates[row] = own, self._rates(lane, len(own))
        return epoch_plan(batches, rates, self._width)

    def _rates(self, lane: _Lane, steps: int) -> np.ndarray:
        first, replica = lane.progress.steps, lane.replica
        total = steps_of_budget(self._procedure, replica.n)
        factors = rate_factors(self._procedure, total, np.arange(first, first + steps))
        return step_rates(self._procedure.update, replica.lr * factors, first)

    def _judge(self) -> None:
        """End the lanes that are stuck or have no step left."""
        asking = [lane for lane in self._lanes if lane.progress.wants_gradient]
        if asking:
            measured = self._runner.step.measure(self._rows_of(asking))
            norms = measured.gradient_norms.tolist()
            for lane, norm in zip(asking, norms, strict=True):
                lane.progress.judge(norm)
        for lane in self._lanes:
            lane.progress.close()

    def _end_points(self, lanes: Sequence[_Lane]) -> list[EndPoint]:
        if not lanes:
            return []
        rows, net = self._rows_of(lanes), self._runner.step.net
        measured = self._runner.step.measure(rows)
        return [
            EndPoint(loss, norm, net.arrays(rows.weights[row], [c[row] for c in rows.constants]))
            for row, (loss, norm) in enumerate(
                zip(measured.losses.tolist(), measured.gradient_norms.tolist(), strict=True)
            )
        ]

    def _rows_of(self, lanes: Sequence[_Lane]) -> Stack:
        return self._stack.pick([lane.row for lane in lanes])

    def _share_time(self, seconds: float) -> None:
        for lane in self._lanes:
            lane.progress.seconds += seconds / len(self._lanes)

    def _drop(self, ended: Sequence[_Lane]) -> None:
        """Take the ended lanes out, and their rows where a lower stack is enough for the rest."""
        if not ended:
            return
        self._lanes = [lane for lane in self._lanes if lane.progress.outcome is None]
        self._shuffles.keep([lane.number for lane in self._lanes])
        if self._lanes and self._runner.height(len(self._lanes)) < self._stack.height:
            self._stack = self._rows_of(self._lanes)
            for row, lane in enumerate(self._lanes):
                lane.row = row
            self._pad()

    def _pad(self) -> None:
        """Raise the stack to the runner's height by idle copies of its first row."""
        missing = self._runner.height(len(self._lanes)) - self._stack.height
        if missing:
            self._stack = self._stack.pick([*range(self._stack.height), *[0] * missing])
