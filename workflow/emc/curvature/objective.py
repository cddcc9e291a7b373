"""What was minimised: the loss whose gradient and Hessian are examined."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from emc.errors import EmcError

if TYPE_CHECKING:
    from torch import Tensor

LOSSES: Final = ("cross-entropy", "squared-error")

LossFunction = Callable[["Tensor", "Tensor"], "Tensor"]
"""The mean loss, a scalar, of logits [n, classes] and labels int64 [n]."""


@dataclass(frozen=True, slots=True)
class Objective:
    """Mean loss over all samples, plus weight_decay / 2 * |w|^2.

    `cross-entropy` (nats) smooths its targets by `label_smoothing` and weighs samples by
    `class_weights` [classes] as torch.nn.CrossEntropyLoss does; `squared-error` is the mean over
    samples and classes of the squared difference between the logits and the one-hot labels. A
    function of torch's tensors is given all logits at once. `weight_decay` is that of an optimizer
    which adds `weight_decay * w` to the gradient; decoupled decay is no part of any objective.

    Raises:
        EmcError: an unknown loss, smoothing outside [0, 1), smoothing or class weights without
            cross-entropy, class weights that are negative or
            infinite, or a negative decay.
    """

    loss: str | LossFunction = "cross-entropy"
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    class_weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """See that the numbers make sense together."""
        if not callable(self.loss) and self.loss not in LOSSES:
            raise EmcError(f"loss: expected {' or '.join(LOSSES)}, found {self.loss!r}")
        if not 0 <= self.label_smoothing < 1:
            raise EmcError(
                f"label smoothing: expected a number in [0, 1), found {self.label_smoothing}"
            )
        if self.label_smoothing > 0 and self.loss != "cross-entropy":
            raise EmcError(
                f"label smoothing {self.label_smoothing}: expected the loss 'cross-entropy', found"
                f" {self.loss!r}"
            )
        if not (self.weight_decay >= 0 and isfinite(self.weight_decay)):
            raise EmcError(
                f"weight decay: expected a finite number from 0, found {self.weight_decay}"
            )
        self._check_class_weights()

    def _check_class_weights(self) -> None:
        if self.class_weights is None:
            return
        if self.loss != "cross-entropy":
            raise EmcError(f"class weights: expected the loss 'cross-entropy', found {self.loss!r}")
        for number, weight in enumerate(self.class_weights):
            if not (weight >= 0 and isfinite(weight)):
                raise EmcError(
                    f"class weights: expected numbers from 0, found {weight} for class {number}"
                )

    @property
    def vanishes_at_infinity(self) -> bool:
        """Whether the infimum is zero, out of reach, for a net that fits and has large logits."""
        return self.loss == "cross-entropy" and self.label_smoothing == 0 and self.weight_decay == 0

    @property
    def is_named(self) -> bool:
        """Whether its loss is one of `LOSSES`, without class weights."""
        return isinstance(self.loss, str) and self.class_weights is None

    @property
    def named_loss(self) -> str:
        """The name of its loss, one of `LOSSES`, which is all that layered nets are examined with.

        Raises:
            EmcError: it is a function, or has class weights.
        """
        if not (self.is_named and isinstance(self.loss, str)):
            found = "class weights" if self.is_named else "a function"
            raise EmcError(f"loss of a layered net: expected {' or '.join(LOSSES)}, found {found}")
        return self.loss
