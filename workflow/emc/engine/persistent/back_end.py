"""Training by a kernel whose blocks take replicas from a queue."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from emc.engine.check import check
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger, Snapshot
from emc.engine.native.net import check_shape
from emc.engine.persistent.group import Group, memory_of
from emc.engine.persistent.launch import Machine
from emc.engine.persistent.launcher import BlockKernel
from emc.engine.persistent.layout import BlockNet
from emc.engine.persistent.placement import Placement, block_kernel, placement
from emc.engine.persistent.refusal import block_net, refusal
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.slices import InSlices, alone
from emc.native.unavailable import UnavailableError

_SHARE: Final = 0.7
"""Of the free memory: the rest is for fragments."""
_STEPS: Final = 2
"""Of a kernel that are held against the reference: over more of them rounding may grow."""
_TOLERANCE: Final = 1e-3
"""Of losses and of the gradient norm after these."""

log = logging.getLogger(__name__)


class Persistent:
    """Nets of layers and vision transformers on a machine of blocks.

    Each replica is one block's, from start to stop. Its numbers depend on nothing but itself and
    the kernel: not on its neighbours, and not on how its training was sliced. The first steps that
    a kernel trains are held against the reference on the processor, and one that is off is not
    used.
    """

    name = "persistent"

    def __init__(self, machine: Machine) -> None:
        """Train on `machine`."""
        self._machine = machine
        self._kernels: dict[BlockNet, BlockKernel] = {}

    def refuses(self, procedure: Procedure) -> str | None:
        """Why no block trains the procedure, or None; asks no machine."""
        return refusal(procedure)

    def at_once(self, procedure: Procedure) -> int:
        """Replicas that the machine trains side by side: its blocks; where it cannot be used, all.

        Another back end trains them then.
        """
        try:
            limits = self._machine.limits()
        except UnavailableError:
            return sys.maxsize
        return limits.multiprocessors * placement(block_net(procedure), limits).blocks_at_once

    def run(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> list[TrainedRun]:
        """As `in_slices` says, each slice being launched by itself."""
        return alone(self.in_slices(procedure, replicas, checkpoints))

    def in_slices(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> InSlices[list[TrainedRun]]:
        """Train every replica and answer in their order.

        Raises:
            EmcError: a refused procedure, or samples or labels that do not fit it.
            MemoryError: one replica alone exceeds the machine's memory.
            UnavailableError: the machine cannot be used, or the kernel cannot be built or is off.
        """
        check(self, procedure, replicas)
        net = block_net(procedure)
        for each in replicas:
            check_shape(each.inputs, net)
        if not replicas:
            return []
        ledger = Ledger(checkpoints, self.name)
        kernel = self._kernel(procedure, replicas)
        kept = _of_this_kernel(ledger.take_under_way(), kernel)
        limit = len(replicas)
        while waiting := [number for number in range(len(replicas)) if number not in ledger.runs]:
            waiting.sort(key=lambda number: -replicas[number].n)
            some = {number: replicas[number] for number in waiting[:limit]}
            numbers = (
                kept.facts["group"] if kept else self._that_fit(procedure, kernel.placement, some)
            )
            asked = {number: replicas[number] for number in numbers}
            if not (yield from self._attempt(procedure, asked, kernel, ledger, kept)):
                limit = _halved(len(numbers))
            kept = None
        return ledger.in_order()

    def _attempt(
        self,
        procedure: Procedure,
        asked: Mapping[int, Replica],
        kernel: BlockKernel,
        ledger: Ledger,
        kept: Snapshot | None,
    ) -> InSlices[bool]:
        """Train replicas to their end; whether the memory sufficed."""
        blocks = self._machine.limits().multiprocessors * kernel.placement.blocks_at_once
        with self._machine.arena() as arena:
            try:
                group = Group(procedure, asked, kernel, arena, blocks)
                if kept is not None:
                    group.take_up(kept)
                while group.under_way:
                    ledger.runs.update((yield from group.advance()))
                    ledger.save_if_due(lambda: group.snapshot() if group.under_way else None)
            except MemoryError:
                return False
        return True

    def _that_fit(
        self, procedure: Procedure, made: Placement, replicas: Mapping[int, Replica]
    ) -> list[int]:
        """The first replicas whose arrays fit into the memory together, at least one."""
        pools = {id(each.inputs): each.inputs.nbytes for each in replicas.values()}
        left = _SHARE * self._machine.limits().free_memory - sum(pools.values())
        fitting: list[int] = []
        for number, replica in replicas.items():
            left -= memory_of(procedure, replica, made)
            if fitting and left < 0:
                break
            fitting.append(number)
        return fitting

    def _kernel(self, procedure: Procedure, replicas: Sequence[Replica]) -> BlockKernel:
        net = block_net(procedure)
        if net not in self._kernels:
            made = placement(net, self._machine.limits())
            kernel = BlockKernel(made, self._machine.program(block_kernel(net, made)))
            smallest = min(replicas, key=lambda each: (each.n, each.lr))
            self._hold_against_reference(procedure, smallest, kernel)
            self._kernels[net] = kernel
        return self._kernels[net]

    def _hold_against_reference(
        self, procedure: Procedure, replica: Replica, kernel: BlockKernel
    ) -> None:
        """See that a few steps of a replica lead where the reference's do.

        Raises:
            UnavailableError: they do not.
        """
        from emc.engine.sequential import Sequential

        short = replace(procedure, epochs=None, steps=_STEPS)
        ledger = Ledger(NO_CHECKPOINTS, self.name)
        if not alone(self._attempt(short, {0: replica}, kernel, ledger, None)):
            _halved(1)
        (expected,) = Sequential("cpu").run(short, [replica])
        found = ledger.runs[0]
        for kind in ("epoch_losses", "loss", "gradient_norm"):
            ours, theirs = getattr(found, kind), getattr(expected, kind)
            if not _agree(ours, theirs):
                raise UnavailableError(
                    f"the persistent kernel is off: after {_STEPS} steps on {replica.n} samples"
                    f" its {kind} is {ours}, the reference's {theirs}"
                )


def _agree(ours: np.ndarray | float, theirs: np.ndarray | float) -> bool:
    """Whether numbers are the same up to rounding, or none on either side."""
    finite = np.isfinite(theirs)
    return bool(
        np.array_equal(np.isfinite(ours), finite)
        and np.allclose(
            np.where(finite, ours, 0), np.where(finite, theirs, 0), _TOLERANCE, _TOLERANCE
        )
    )


def _of_this_kernel(kept: Snapshot | None, kernel: BlockKernel) -> Snapshot | None:
    if kept is not None and kept.facts["kernel"] != kernel.program.name:
        log.info("replicas begin anew: another kernel or card trained them")
        return None
    return kept


def _halved(replicas: int) -> int:
    if replicas == 1:
        raise MemoryError("a single replica does not fit into the memory of the device")
    log.warning("out of memory with %d replicas at once: going on with half", replicas)
    return replicas // 2
