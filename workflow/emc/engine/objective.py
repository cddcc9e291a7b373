"""What is minimised and what counts as right, row by row."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from emc.engine.procedure import Procedure
from emc.errors import EmcError


def check_shape(kind: str, logits: object, rows: int, classes: int) -> None:
    """See that what a net of this kind gave are logits [rows, classes].

    Raises:
        EmcError: it is something else.
    """
    wanted = (rows, classes)
    if not isinstance(logits, Tensor):
        hint = ": return its `.logits`" if hasattr(logits, "logits") else ""
        if isinstance(logits, Mapping) and "logits" in logits:
            hint = ": return its item 'logits'"
        elif isinstance(logits, tuple | list) and not hint:
            hint = ": return its item that is the logits"
        raise EmcError(
            f"{kind}: expected a tensor of logits [batch, classes] of shape {wanted}, found a"
            f" {type(logits).__name__}{hint}"
        )
    if logits.shape != wanted:
        hint = ""
        if classes == 2 and logits.shape in {(rows,), (rows, 1)}:
            hint = ": two classes have two logits"
        raise EmcError(
            f"{kind}: expected logits [batch, classes] of shape {wanted}, found"
            f" {tuple(logits.shape)}{hint}"
        )


def row_losses(procedure: Procedure, logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """The loss of each row [rows] of logits [rows, classes], as its mean over rows has it.

    Cross-entropy in nats, smoothed as torch.nn.CrossEntropyLoss does, or the mean over the
    classes of the squared difference from the one-hot label.

    Raises:
        EmcError: the logits have another shape, as they may have in training alone.
    """
    check_shape("the net", logits, len(labels), procedure.classes)
    if procedure.loss == "cross-entropy":
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    classes = torch.arange(procedure.classes, device=labels.device)
    target = (labels[:, None] == classes).to(logits.dtype)
    return (logits - target).square().mean(-1)


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each row's label is the first of its largest logits; never where one is NaN."""
    largest, place = logits.max(-1)
    return (place == labels) & largest.isfinite()
