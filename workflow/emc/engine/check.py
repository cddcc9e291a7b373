"""What a caller may ask of the engine: every back end checks it before it trains."""

from collections.abc import Collection, Sequence

import numpy as np

from emc.engine.back_end import BackEnd
from emc.engine.procedure import Procedure, Replica
from emc.errors import EmcError

LOSSES = ("cross-entropy", "squared-error")
ORDERS = ("stream", "balanced", "ragged")
SCHEDULES = ("constant", "cosine")


def check(back_end: BackEnd, procedure: Procedure, replicas: Sequence[Replica]) -> None:
    """Refuse what this back end cannot train, or none can.

    Raises:
        EmcError: the back end refuses the procedure, a word of it is not known, or a replica's
            samples are unusable.
    """
    check_willing(back_end, procedure)
    _check_procedure(procedure)
    for number, replica in enumerate(replicas):
        _check_labels(number, replica, procedure.classes)
        _check_inputs(number, replica)


def check_willing(back_end: BackEnd, procedure: Procedure) -> None:
    """See that a back end runs a procedure.

    Raises:
        EmcError: it refuses.
    """
    if reason := back_end.refuses(procedure):
        raise EmcError(f"the {back_end.name} back end cannot run this procedure: {reason}")


def _check_procedure(procedure: Procedure) -> None:
    _check_word("loss", procedure.loss, LOSSES)
    _check_word("order", procedure.order, ORDERS)
    _check_word("schedule", procedure.schedule, SCHEDULES)
    if procedure.loss == "squared-error" and procedure.label_smoothing:
        raise EmcError(
            f"label smoothing {procedure.label_smoothing}: expected loss 'cross-entropy',"
            " found 'squared-error'"
        )
    if (procedure.layers is None) == (procedure.module is None):
        raise EmcError("procedure: expected either a layered net or a module, found both or none")
    if (procedure.epochs is None) == (procedure.steps is None):
        raise EmcError(
            f"budget: expected either epochs or steps, found epochs={procedure.epochs} and"
            f" steps={procedure.steps}"
        )
    if (procedure.epochs or procedure.steps or 0) < 1:
        raise EmcError("budget: expected at least 1 epoch or step, found 0")


def _check_word(kind: str, found: str, allowed: Collection[str]) -> None:
    if found not in allowed:
        raise EmcError(f"{kind}: expected one of {', '.join(allowed)}, found {found!r}")


def _check_labels(number: int, replica: Replica, classes: int) -> None:
    if replica.n == 0:
        raise EmcError(f"replica {number}: expected at least 1 sample, found none")
    if len(replica.labels) != replica.n:
        raise EmcError(
            f"replica {number}: expected {replica.n} labels, found {len(replica.labels)}"
        )
    low, high = int(replica.labels.min()), int(replica.labels.max())
    if low < 0 or high >= classes:
        raise EmcError(
            f"replica {number}: expected labels from 0 to {classes - 1}, found {low} to {high}"
        )


def _check_inputs(number: int, replica: Replica) -> None:
    low, high = int(replica.rows.min()), int(replica.rows.max())
    if low < 0 or high >= len(replica.inputs):
        raise EmcError(
            f"replica {number}: expected rows from 0 to {len(replica.inputs) - 1},"
            f" found {low} to {high}"
        )
    finite = np.isfinite(replica.inputs[replica.rows].reshape(replica.n, -1)).all(axis=1)
    if not finite.all():
        row = int(replica.rows[int(finite.argmin())])
        raise EmcError(
            f"replica {number}: expected finite inputs, found NaN or infinity in row {row}"
        )
