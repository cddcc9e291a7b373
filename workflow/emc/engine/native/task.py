"""From a procedure to what a kernel is asked, and from its answer to a run."""

from dataclasses import asdict
from typing import Final

import numpy as np

from emc.criteria import correct_needed, ended, is_stationary, plateau
from emc.engine.native.kernel import FULL_BATCH, LOSSES, ORDERS, KernelResult, Trained
from emc.engine.order import order_state
from emc.engine.procedure import Procedure, Replica, TrainedRun
from emc.engine.progress import Measured, trained_run
from emc.records import THRESHOLDS, Ended, Milestone

_NO_LIMIT: Final = 2**62


def task_fields(procedure: Procedure, replica: Replica) -> dict[str, object]:
    """The numbers of a `Task`, without its arrays."""
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


def run_of(
    procedure: Procedure,
    n: int,
    trained: Trained,
    shapes: dict[str, np.ndarray],
    *,
    back_end: str,
    seconds: float,
) -> TrainedRun:
    """A training that a kernel has ended, whose parameters have the names and shapes given."""
    result, losses, parameters = trained
    return trained_run(
        procedure,
        n,
        ended=_ended(procedure, n, trained),
        epochs=result.epochs,
        steps=result.steps,
        gradient_evaluations=result.gradient_evaluations,
        milestones=_milestones(result),
        losses=losses,
        end=Measured(result.correct, result.loss, result.gradient_norm, _split(parameters, shapes)),
        back_end=back_end,
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
