"""Training by compiled kernels, one replica after the other."""

import logging
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter

import numpy as np

from emc.engine.check import check
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger, Snapshot
from emc.engine.native.kernel import Kernel, Task
from emc.engine.native.net import check_shape, native_net, start
from emc.engine.native.refusal import batch_refusal, refusal
from emc.engine.native.task import run_of, task_fields
from emc.engine.native.translation_unit import translation_unit
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.schedule import learning_rates
from emc.native.build import loaded
from emc.native.graph_table import graph_table
from emc.native.unavailable import UnavailableError
from emc.nets.graph import Graph
from emc.nets.traced_module import KnownNet

log = logging.getLogger(__name__)


class NativeBackEnd:
    """Dense and convolutional layers and vision transformers on one thread of the processor.

    A replica's numbers depend on nothing but itself: not on its neighbours in a call, and not on
    how its training was sliced. The gradient whose norm is measured is that of the minimised loss:
    over all samples, with its label smoothing and coupled decay (`emc.engine.optimizer`).
    """

    name = "native"

    def __init__(self) -> None:
        """Kernels are found once; asking for the compiler takes as long as a small round."""
        self._kernels: dict[KnownNet, Kernel] = {}

    def refuses(self, procedure: Procedure) -> str | None:
        """Why this back end cannot run the procedure, or None; asks no compiler."""
        return refusal(procedure)

    def run(
        self,
        procedure: Procedure,
        replicas: Sequence[Replica],
        checkpoints: Checkpoints = NO_CHECKPOINTS,
    ) -> list[TrainedRun]:
        """Train every replica and answer in their order.

        Raises EmcError for a refused procedure or bad data, before any training, and
        UnavailableError where the kernel cannot be built or batches are not for it.
        """
        check(self, procedure, replicas)
        net = native_net(procedure)
        assert net is not None
        for replica in replicas:
            check_shape(replica.inputs, net)
            if reason := batch_refusal(procedure, replica.n):
                raise UnavailableError(reason)
        kernel = self._kernel(net)
        ledger = Ledger(checkpoints, self.name)
        for number, replica in enumerate(replicas):
            if number not in ledger.runs:
                ledger.runs[number] = _train(kernel, procedure, replica, ledger)
                ledger.save_if_due(lambda: None)
        return ledger.in_order()

    def _kernel(self, net: KnownNet) -> Kernel:
        if net not in self._kernels:
            self._kernels[net] = loaded(translation_unit(net), _kernel)
        return self._kernels[net]


_table = lru_cache(maxsize=4)(graph_table)


@cache
def _kernel(path: Path) -> Kernel:
    return Kernel(path)


def _train(kernel: Kernel, procedure: Procedure, replica: Replica, ledger: Ledger) -> TrainedRun:
    state, seconds = _under_way(kernel, ledger)
    started = perf_counter() - seconds
    initial = start(procedure, replica.seed)
    arrays = {
        "inputs": replica.inputs,
        "rows": np.ascontiguousarray(replica.rows, dtype=np.int64),
        "labels": np.ascontiguousarray(replica.labels, dtype=np.int64),
        "parameters": np.concatenate([values.ravel() for values in initial.values()]),
        "rates": learning_rates(procedure, replica.n, replica.lr),
    }
    if isinstance(net := native_net(procedure), Graph):
        arrays["graph"] = _table(net)
    addresses = {name: array.ctypes.data for name, array in arrays.items()}
    task = Task(**addresses, **task_fields(procedure, replica))

    def pause(state: Callable[[], np.ndarray]) -> None:
        facts = {"kernel": kernel.name, "seconds": perf_counter() - started}
        ledger.save_if_due(lambda: Snapshot(facts, {"state": state()}))

    trained = kernel.train(task, arrays["parameters"].size, state, pause)
    return run_of(
        procedure,
        replica.n,
        trained,
        initial,
        back_end=NativeBackEnd.name,
        seconds=perf_counter() - started,
    )


def _under_way(kernel: Kernel, ledger: Ledger) -> tuple[np.ndarray | None, float]:
    """State and seconds of the replica that was in training, if this kernel trained it."""
    kept = ledger.take_under_way()
    if kept is None:
        return None, 0.0
    if kept.facts["kernel"] != kernel.name:
        log.info("a replica begins anew: another kernel or processor trained it")
        return None, 0.0
    return kept.arrays["state"], kept.facts["seconds"]
