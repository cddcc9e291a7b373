"""Replicas that pass through their epochs side by side, each with its own n, rate and order."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from emc.engine.batches import Batches, epoch_batches
from emc.engine.checkpoint import Ledger, Snapshot
from emc.engine.epoch import EpochSteps, epoch_steps
from emc.engine.fresh import fresh
from emc.engine.optimizer import SCALARS
from emc.engine.order import Shuffles
from emc.engine.procedure import Procedure, Replica
from emc.engine.progress import Measured, Progress
from emc.engine.schedule import rate_factors, steps_of_budget
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.stack import Stack, stacked

_NO_SCALARS = np.empty((0, SCALARS), dtype=np.float32)


@dataclass(slots=True)
class _Lane:
    """A replica that still trains: its place in the group and its row of the stack."""

    place: int
    row: int
    replica: Replica
    progress: Progress
    batches: Iterator[Batches]
    planned: int
    """Steps of the epochs that are planned so far."""
    coming: tuple[Batches, np.ndarray] | None = None
    """Batches of the epoch to come, with the scalars of their steps."""


_Taken = dict[int, tuple[Batches, _Lane]]
"""What an epoch trains: by row of the stack, the batches and whose they are."""

_Planned = tuple[_Taken, EpochSteps]


class Lockstep:
    """Trains replicas together until the last one is over; those that are leave the stack."""

    def __init__(
        self,
        procedure: Procedure,
        group: Mapping[int, Replica],
        runner: Runner,
        device: torch.device,
        ledger: Ledger,
    ) -> None:
        """Put the replicas, by their number in the call, on the device at their initial weights."""
        self._procedure, self._runner, self._ledger = procedure, runner, ledger
        self._numbers, replicas = list(group), list(group.values())
        self._shuffles = Shuffles([r.seed for r in replicas], [r.n for r in replicas])
        self._lanes = [
            self._lane(place, place, replica, Progress(procedure, replica.n))
            for place, replica in enumerate(replicas)
        ]
        self._ahead: _Planned | None = None
        most = max(self._rows_per_step(replica) for replica in replicas)
        self._width = runner.width(most, full_batch=procedure.batch is None)
        nets = [fresh(procedure, replica.seed) for replica in replicas]
        step = runner.step
        self._stack = stacked(step.net, nets, replicas, step.rule.lengths, device)
        self._pad()

    def take_up(self, kept: Snapshot) -> None:
        """Go on from a snapshot of this group.

        Every row keeps its place, those of replicas that are over too: no sum rounds differently.
        """
        parts, replicas = kept.parts(), [lane.replica for lane in self._lanes]
        stack, progress = parts["stack"], parts["lanes"].parts()
        self._lanes = []
        places = [0] * len(stack.arrays["0"])
        for place, row in stack.facts["rows"]:
            replica, places[row] = replicas[place], place
            so_far = Progress.taken_up(self._procedure, replica.n, progress[str(place)])
            self._lanes.append(self._lane(place, row, replica, so_far))
        self._shuffles.keep([lane.place for lane in self._lanes])
        self._stack = self._stack.pick(places)
        for number, tensor in enumerate(self._stack.state):
            tensor.copy_(torch.from_numpy(stack.arrays[str(number)]))

    def run(self) -> None:
        """Train to the end; the runs go to the ledger."""
        while self._lanes:
            start = time.perf_counter() - self._runner.preparation()
            self._epoch()
            ended = [lane for lane in self._lanes if lane.progress.ended is not None]
            ends = self._measured(ended)
            self._share_time(time.perf_counter() - self._runner.preparation() - start)
            for lane, end in zip(ended, ends, strict=True):
                number = self._numbers[lane.place]
                self._ledger.runs[number] = lane.progress.run(end, self._ledger.back_end)
            self._drop(ended)
            self._ledger.save_if_due(self._snapshot)

    def _snapshot(self) -> Snapshot | None:
        if not self._lanes:
            return None
        lanes = {str(lane.place): lane.progress.snapshot() for lane in self._lanes}
        facts = {"group": self._numbers, "rows": [(lane.place, lane.row) for lane in self._lanes]}
        tensors = {str(i): each.cpu().numpy() for i, each in enumerate(self._stack.state)}
        return Snapshot.of({"stack": Snapshot(facts, tensors), "lanes": Snapshot.of(lanes)})

    def _lane(self, place: int, row: int, replica: Replica, progress: Progress) -> _Lane:
        orders = partial(self._shuffles.epochs, place)
        batches = epoch_batches(self._procedure, replica.n, orders, progress.epochs)
        return _Lane(place, row, replica, progress, batches, progress.steps)

    def _rows_per_step(self, replica: Replica) -> int:
        batch = self._procedure.batch
        return replica.n if batch is None else min(batch, replica.n)

    def _epoch(self) -> None:
        """Train an epoch; the next one is planned meanwhile, before the host waits for it."""
        taken, steps = self._ahead or self._planned()
        losses = self._runner.train(self._stack, steps)
        finite = self._stack.weights.isfinite().all(1)
        correct = self._runner.correct(self._stack, self._needed())
        self._look_ahead()
        on_host = (tensor.cpu().numpy() for tensor in (losses, finite, correct))
        self._record(taken, *on_host)
        self._judge()

    def _look_ahead(self) -> None:
        """Plan the next epoch of all lanes; none is planned where the budget of one ends."""
        for lane in self._lanes:
            self._draw(lane)
        self._ahead = self._planned() if all(lane.coming for lane in self._lanes) else None

    def _planned(self) -> _Planned:
        for lane in self._lanes:
            if lane.coming is None:
                self._draw(lane)
        taken = {lane.row: (lane.coming[0], lane) for lane in self._lanes if lane.coming}
        return taken, self._steps_of(taken)

    def _draw(self, lane: _Lane) -> None:
        batches = next(lane.batches, None)
        lane.coming = None
        if batches is not None:
            lane.coming = batches, self._scalars(lane, len(batches))
            lane.planned += len(batches)

    def _needed(self) -> torch.Tensor:
        """Correct samples of each row at which something happens; of an idle one more than all."""
        needed = np.full(self._stack.height, np.iinfo(np.int64).max)
        for lane in self._lanes:
            needed[lane.row] = lane.progress.correct_needed
        return torch.from_numpy(needed).to(self._stack.counts.device)

    def _record(
        self, taken: _Taken, losses: np.ndarray, finite: np.ndarray, correct: np.ndarray
    ) -> None:
        for row, (batches, lane) in taken.items():
            lane.progress.add_epoch(
                losses[: len(batches), row],
                [len(batch) for batch in batches],
                finite=bool(finite[row]),
                correct=int(correct[row]),
                gradients=(self._procedure.optimizer.gradients or 1) * sum(map(len, batches)),
            )

    def _steps_of(self, taken: _Taken) -> EpochSteps:
        batches: list[Batches] = [[]] * self._stack.height
        scalars = [_NO_SCALARS] * self._stack.height
        for row, (_, lane) in taken.items():
            assert lane.coming is not None
            batches[row], scalars[row] = lane.coming
        return epoch_steps(batches, scalars, self._width)

    def _scalars(self, lane: _Lane, steps: int) -> np.ndarray:
        first, replica = lane.planned, lane.replica
        total = steps_of_budget(self._procedure, replica.n)
        factors = rate_factors(self._procedure, total, np.arange(first, first + steps))
        return self._procedure.optimizer.step_scalars(replica.lr * factors, first)

    def _judge(self) -> None:
        """End the lanes that are stationary or have no step left."""
        asking = [lane for lane in self._lanes if lane.progress.wants_gradient]
        if asking:
            measured = self._runner.step.measure(self._rows_of(asking))
            norms = measured.gradient_norms.tolist()
            for lane, norm in zip(asking, norms, strict=True):
                lane.progress.judge(norm)
        for lane in self._lanes:
            lane.progress.close()

    def _measured(self, lanes: Sequence[_Lane]) -> list[Measured]:
        if not lanes:
            return []
        rows, net = self._rows_of(lanes), self._runner.step.net
        constants, measured = rows.constants, self._runner.step.measure(rows)
        numbers = zip(*(each.tolist() for each in measured), strict=True)
        return [
            Measured(hits, loss, norm, net.arrays(rows.weights[row], [c[row] for c in constants]))
            for row, (hits, loss, norm) in enumerate(numbers)
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
        self._ahead = None
        self._lanes = [lane for lane in self._lanes if lane.progress.ended is None]
        self._shuffles.keep([lane.place for lane in self._lanes])
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
