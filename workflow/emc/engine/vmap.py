"""Many replicas in one call: their weights stacked, each step taken for all of them at once."""

import logging
from collections.abc import Sequence

import torch

from emc.engine.check import check
from emc.engine.flat import FlatNet
from emc.engine.fresh import fresh
from emc.engine.lockstep import Lockstep
from emc.engine.memory import is_out_of_memory, replicas_at_once
from emc.engine.precision import exact_float32
from emc.engine.procedure import Procedure, Replica, Run
from emc.engine.runner import Runner
from emc.engine.separable import obstacle, try_together
from emc.engine.step import Step
from emc.errors import EmcError

log = logging.getLogger(__name__)

_SPREAD = 2
"""The largest n of a group is at most so many times the smallest: shorter epochs idle."""


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
        if procedure.update.make is not None:
            return f"the optimizer {procedure.update.name!r} steps one replica at a time"
        return None if procedure.module is None else obstacle(fresh(procedure, seed=0))

    def run(self, procedure: Procedure, replicas: Sequence[Replica]) -> list[Run]:
        """Train every replica and answer in their order.

        Raises:
            EmcError: samples, labels or net do not fit the procedure, or one replica alone
                exceeds the memory.
            UnavailableError: the net does what cannot be done for several replicas in one call.
        """
        check(procedure, replicas)
        if not replicas:
            return []
        with exact_float32(), torch.no_grad():
            return self._run(procedure, replicas)

    def _run(self, procedure: Procedure, replicas: Sequence[Replica]) -> list[Run]:
        runner = self._runner(procedure)
        largest_first = sorted(range(len(replicas)), key=lambda number: -replicas[number].n)
        largest = replicas[largest_first[0]]
        try_together(procedure, runner.step, largest, self._device)
        limit = replicas_at_once(self._device, procedure, runner.step, largest)
        runs: dict[int, Run] = {}
        while waiting := largest_first[len(runs) :]:
            group = _group(waiting, replicas, limit)
            done = self._attempt(procedure, [replicas[number] for number in group], runner)
            if done is None:
                limit = _halved(len(group))
            else:
                runs.update(zip(group, done, strict=True))
        return [runs[number] for number in range(len(replicas))]

    def _runner(self, procedure: Procedure) -> Runner:
        template = fresh(procedure, seed=0).to(self._device)
        return Runner(Step(procedure, FlatNet(template)))

    def _attempt(
        self, procedure: Procedure, group: Sequence[Replica], runner: Runner
    ) -> list[Run] | None:
        """The group's runs, or None if the memory does not suffice."""
        try:
            return Lockstep(procedure, group, runner, self._device, self.name).run()
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        finally:
            runner.forget()
        return None


def _group(waiting: Sequence[int], replicas: Sequence[Replica], limit: int) -> list[int]:
    """The first of `waiting`, largest first, that train together."""
    largest = replicas[waiting[0]].n
    return [number for number in waiting[:limit] if replicas[number].n * _SPREAD >= largest]


def _halved(replicas: int) -> int:
    if replicas == 1:
        raise EmcError(
            "out of memory with a single replica: a smaller batch or net is needed, "
            "or a device with more memory"
        )
    torch.cuda.empty_cache()
    log.warning("out of memory with %d replicas at once: going on with half", replicas)
    return replicas // 2
