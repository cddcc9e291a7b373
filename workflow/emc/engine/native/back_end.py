"""Training by compiled kernels, one replica after the other."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from time import perf_counter
from typing import Final

import numpy as np

from emc.criteria import correct_needed, ended, is_stationary, plateau
from emc.engine.check import check
from emc.engine.checkpoint import NO_CHECKPOINTS, Checkpoints, Ledger, Snapshot
from emc.engine.native.kernel import (
    FULL_BATCH,
    LOSSES,
    ORDERS,
    Kernel,
    KernelResult,
    Task,
    Trained,
)
from emc.engine.native.net import check_shape, native_net, start
from emc.engine.native.refusal import refusal
from emc.engine.native.translation_unit import translation_unit
from emc.engine.order import order_state
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.progress import Measured, trained_run
from emc.engine.schedule import learning_rates
from emc.errors import EmcError
from emc.native.build import loaded
from emc.native.graph_table import graph_table
from emc.nets.graph import Graph
from emc.nets.traced_module import KnownNet
from emc.records import THRESHOLDS, Ended, Milestone

_NO_LIMIT: Final = 2**62

log = logging.getLogger(__name__)


class NativeBackEnd:
    """Dense and convolutional layers and vision transformers on one thread of the processor.

    A replica's numbers depend on nothing but itself: not on its neighbours in a call, and not on
    how its training was sliced. The gradient whose norm is measured is that of the mean training
    loss with its label smoothing, plus half the weight decay times the squared norm of all
    parameters except for AdamW, whose decay is no part of the gradient.
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
        UnavailableError where the kernel cannot be built.
        """
        if reason := self.refuses(procedure):
            raise EmcError(f"the native back end cannot run this procedure: {reason}")
        check(procedure, replicas)
        net = native_net(procedure)
        assert net is not None
        for replica in replicas:
            check_shape(replica.inputs, net)
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
    task = Task(**addresses, **_settings(procedure, replica))

    def pause(state: Callable[[], np.ndarray]) -> None:
        facts = {"kernel": kernel.name, "seconds": perf_counter() - started}
        ledger.save_if_due(lambda: Snapshot(facts, {"state": state()}))

    trained = kernel.train(task, arrays["parameters"].size, state, pause)
    return _run(procedure, replica.n, trained, initial, perf_counter() - started)


def _under_way(kernel: Kernel, ledger: Ledger) -> tuple[np.ndarray | None, float]:
    """State and seconds of the replica that was in training, if this kernel trained it."""
    kept = ledger.take_under_way()
    if kept is None:
        return None, 0.0
    if kept.facts["kernel"] != kernel.name:
        log.info("a replica begins anew: another kernel or processor trained it")
        return None, 0.0
    return kept.arrays["state"], kept.facts["seconds"]


def _settings(procedure: Procedure, replica: Replica) -> dict[str, object]:
    rule = procedure.optimizer.kernel_rule
    assert rule is not None
    full = procedure.batch is None
    return {
        "n": replica.n,
        "batch": replica.n if full else procedure.batch,
        "order": FULL_BATCH if full else ORDERS[procedure.order],
        "order_seed": order_state(replica.seed),
        "epochs": _NO_LIMIT if procedure.epochs is None else procedure.epochs,
        "steps": _NO_LIMIT if procedure.steps is None else procedure.steps,
        "needed": tuple(correct_needed(threshold, replica.n) for threshold in THRESHOLDS),
        "needed_to_fit": correct_needed(procedure.criterion, replica.n),
        "loss": LOSSES[procedure.loss],
        "smoothing": procedure.label_smoothing,
        **asdict(rule),
        "gradient_tolerance": procedure.gradient_tolerance,
        "plateau_tolerance": procedure.plateau_tolerance,
    }


def _run(
    procedure: Procedure,
    n: int,
    trained: Trained,
    shapes: dict[str, np.ndarray],
    seconds: float,
) -> TrainedRun:
    result, losses, parameters = trained
    return trained_run(
        procedure,
        n,
        ended=_ended(procedure, n, trained),
        epochs=result.epochs,
        steps=result.steps,
        gradient_evaluations=result.gradient_evaluations,
        milestones=_milestones(result),
        correct=result.correct,
        losses=losses,
        end=Measured(result.loss, result.gradient_norm, _split(parameters, shapes)),
        back_end=NativeBackEnd.name,
        seconds=seconds,
    )


def _ended(procedure: Procedure, n: int, trained: Trained) -> Ended:
    result, losses, _ = trained
    return ended(
        finite=bool(result.finite),
        accuracy=result.correct / n,
        criterion=procedure.criterion,
        stationary=is_stationary(
            gradient_norm=result.gradient_norm,
            gradient_tolerance=procedure.gradient_tolerance,
            plateau=plateau(losses),
            plateau_tolerance=procedure.plateau_tolerance,
        ),
    )


def _split(flat: np.ndarray, like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    ends = np.cumsum([values.size for values in like.values()])
    parts = np.split(flat, ends[:-1])
    return {
        name: part.reshape(values.shape)
        for (name, values), part in zip(like.items(), parts, strict=True)
    }


def _milestones(result: KernelResult) -> list[Milestone]:
    return [
        Milestone(epoch or None, step or None)
        for epoch, step in zip(result.milestone_epochs, result.milestone_steps, strict=True)
    ]
