"""An objective's loss of some rows' logits, in torch."""

from collections.abc import Callable
from copy import deepcopy
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from emc.curvature.objective import LossFunction, Objective
from emc.errors import EmcError


class Rows(NamedTuple):
    """Samples [rows, ...] with the share that each has in the mean loss: zero for padding."""

    inputs: Tensor
    labels: Tensor
    shares: Tensor


_ROUNDING: Final = 1e-4
"""By how much a ratio of losses, some of them in float32, may miss a whole number."""

RowLosses = Callable[[Tensor, Rows], Tensor]
"""The part that rows with logits float64 [rows, classes] have in the mean loss."""


def row_losses(objective: Objective, device: str) -> RowLosses:
    """The loss of an objective, without weight decay.

    A user's function is given the rows as if they were all.
    """
    if callable(objective.loss):
        return _of_user(objective.loss, device)
    if objective.loss == "squared-error":
        return _squared_error
    return _cross_entropy(objective, device)


def shares(objective: Objective, labels: Tensor, classes: int) -> Tensor:
    """The share of each sample in the mean over all, float64 [n]: 1 / n, or as weighted by class.

    torch.nn.CrossEntropyLoss divides by the sum of the weights of the samples' own classes.

    Raises:
        EmcError: class weights that are not one per class, or are zero for all of the samples.
    """
    total = float(len(labels))
    if (weights := objective.class_weights) is not None:
        if len(weights) != classes:
            raise EmcError(
                f"class weights: expected one for each of {classes} classes, found {len(weights)}"
            )
        weight = torch.tensor(weights, dtype=torch.double, device=labels.device)
        total = float(weight[labels].sum())
        if total == 0:
            raise EmcError("class weights: expected one above 0 for the data, found none")
    return torch.full((len(labels),), 1 / total, dtype=torch.double, device=labels.device)


def _cross_entropy(objective: Objective, device: str) -> RowLosses:
    smoothing, weights = objective.label_smoothing, objective.class_weights
    weight = None if weights is None else torch.tensor(weights, dtype=torch.double, device=device)

    def losses(logits: Tensor, rows: Rows) -> Tensor:
        each = cross_entropy(
            logits, rows.labels, weight, reduction="none", label_smoothing=smoothing
        )
        return each @ rows.shares

    return losses


def _squared_error(logits: Tensor, rows: Rows) -> Tensor:
    classes = torch.arange(logits.shape[-1], device=logits.device)
    wanted = (rows.labels[:, None] == classes).double()
    return (logits - wanted).square().mean(-1) @ rows.shares


def refuse_sum(losses: RowLosses, logits: Tensor, rows: Rows) -> None:
    """Raise for a user's loss that is twice as large of samples that are given twice.

    Gradients of a sum are larger than those of a mean by the number of samples, and so would be the
    tolerances that they are held against.
    """
    twice = Rows(*(torch.cat([each, each]) for each in rows))
    once, both = losses(logits, rows), losses(torch.cat([logits, logits]), twice)
    if once != 0 and bool((both / once - 2).abs() < _ROUNDING):
        raise EmcError(
            "loss: expected the mean over all samples (reduction='mean'), found the sum: it is"
            f" {float(once):.4g} for {len(logits)} samples, and {float(both):.4g} for each of them"
            " twice"
        )


def _of_user(loss: LossFunction, device: str) -> RowLosses:
    here = deepcopy(loss).to(device, torch.double) if isinstance(loss, nn.Module) else loss

    def losses(logits: Tensor, rows: Rows) -> Tensor:
        value = here(logits, rows.labels)
        if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
            raise EmcError(
                "loss: expected one number, the mean over all samples (reduction='mean'), found"
                f" {tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__}"
            )
        return value

    return losses
