"""What is minimised and what counts as right, row by row."""

import torch
from torch import Tensor
from torch.nn import functional

from emc.engine.procedure import Procedure


def row_losses(procedure: Procedure, logits: Tensor, labels: Tensor, *, smoothing: float) -> Tensor:
    """The loss of each row [rows] of logits [rows, classes], as its mean over rows has it.

    Cross-entropy in nats, smoothed as torch.nn.CrossEntropyLoss does, or the mean over the
    classes of the squared difference from the one-hot label.
    """
    if procedure.loss == "cross-entropy":
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    classes = torch.arange(procedure.classes, device=labels.device)
    target = (labels[:, None] == classes).to(logits.dtype)
    return (logits - target).square().mean(-1)


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether each row's label is the first of its largest logits; never where one is NaN."""
    largest, place = logits.max(-1)
    return (place == labels) & largest.isfinite()
