"""Many replicas in one call: their weights stacked, each step taken for all of them at once."""

import logging
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from emc.engine.check import check
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger, Snapshot
from emc.engine.fresh import few_inputs, fresh, head_places
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.stacked.flat import FlatNet
from emc.engine.stacked.lockstep import Lockstep
from emc.engine.stacked.memory import replicas_at_once
from emc.engine.stacked.runner import Runner
from emc.engine.stacked.separable import obstacle, try_together
from emc.engine.stacked.step import Step
from emc.error_texts import says_no_memory
from emc.nets.arithmetic import exact_float32

log = logging.getLogger(__name__)

_SPREAD = 2
"""Ratio of a group's largest n to its smallest, at most: shorter epochs idle."""
_SPREAD_ON_CARD = 16
"""The same on a card, where a step of few replicas takes as long as one of many."""
FEW_ROWS = 512
"""Of a full batch on a card: as many take about as long as one, most of it for launches."""


class Vmap:
    """Trains any net whose replicas can share a call; equal to `Sequential` up to rounding.

    Sums over a padded batch may round differently from those over an unpadded one: a replica's
    last digits may depend on how many replicas share the call and on how many rows they have.
    """

    name = "vmap"

    def __init__(self, device: str) -> None:
        """Train on `device`, "cpu" or "cuda"."""
        self._device = torch.device(device)

    def refuses(self, procedure: Procedure) -> str | None:
        """Why the net's replicas cannot share a call, or None."""
        if reason := procedure.optimizer.alone:
            return f"the optimizer {procedure.update.name!r} {reason}"
        return None if procedure.module is None else obstacle(fresh(procedure, seed=0))

    def run(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> list[TrainedRun]:
        """Train every replica and answer in their order.

        Raises:
            EmcError: it refuses, or samples, labels or net do not fit the procedure.
            MemoryError: one replica alone exceeds the memory.
            UnavailableError: the net does what cannot be done for several replicas in one call.
        """
        check(self, procedure, replicas)
        if not replicas:
            return []
        with exact_float32(), torch.no_grad():
            ledger = Ledger(checkpoints, self.name)
            self._run(procedure, replicas, ledger)
        return ledger.in_order()

    def _run(self, procedure: Procedure, replicas: Sequence[Replica], ledger: Ledger) -> None:
        largest_first = sorted(range(len(replicas)), key=lambda number: -replicas[number].n)
        largest = replicas[largest_first[0]]
        runner = self._runner(procedure, few_inputs(largest).to(self._device))
        try_together(procedure, runner.step, largest, self._device)
        limit = replicas_at_once(self._device, procedure, runner, largest)
        while waiting := [number for number in largest_first if number not in ledger.runs]:
            kept = ledger.take_under_way()
            spread = self._spread(procedure, replicas[waiting[0]].n)
            numbers = (
                kept.facts["stack"]["group"] if kept else _group(waiting, replicas, limit, spread)
            )
            group = {number: replicas[number] for number in numbers}
            if not self._attempt(procedure, group, runner, ledger, kept):
                limit = _halved(len(group))

    def _runner(self, procedure: Procedure, x: Tensor) -> Runner:
        """What trains stacks of the procedure's nets, of which x [rows, *shape] are inputs."""
        return Runner(self._step(procedure, x))

    def _spread(self, procedure: Procedure, largest: int) -> int:
        """Full batches of a group have as many rows as its largest: idle ones cost, but for few."""
        cheap = procedure.batch is not None or largest <= FEW_ROWS
        return _SPREAD_ON_CARD if cheap and self._device.type == "cuda" else _SPREAD

    def _step(self, procedure: Procedure, x: Tensor) -> Step:
        template = fresh(procedure, seed=0).to(self._device)
        return Step(procedure, FlatNet(template), head_places(procedure, template, x))

    def _attempt(
        self,
        procedure: Procedure,
        group: Mapping[int, Replica],
        runner: Runner,
        ledger: Ledger,
        kept: Snapshot | None,
    ) -> bool:
        """Train the group to its end, or as far as the memory suffices; whether it did."""
        try:
            lockstep = Lockstep(procedure, group, runner, self._device, ledger)
            if kept is not None:
                lockstep.take_up(kept)
            lockstep.run()
        except RuntimeError as error:
            if not says_no_memory(error):
                raise
            return False
        finally:
            runner.forget()
        return True


def _group(
    waiting: Sequence[int], replicas: Sequence[Replica], limit: int, spread: int
) -> list[int]:
    """The first of `waiting`, largest first, that train together."""
    largest = replicas[waiting[0]].n
    return [number for number in waiting[:limit] if replicas[number].n * spread >= largest]


def _halved(replicas: int) -> int:
    if replicas == 1:
        raise MemoryError(
            "a single replica does not fit: a smaller batch or net is needed, or a device with"
            " more memory"
        )
    torch.cuda.empty_cache()
    log.warning("out of memory with %d replicas at once: going on with half", replicas)
    return replicas // 2
