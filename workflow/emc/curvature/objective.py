"""What was minimised: the loss whose gradient and Hessian are examined."""

from dataclasses import dataclass
from typing import Final

from emc.errors import EmcError

LOSSES: Final = ("cross-entropy", "squared-error")


@dataclass(frozen=True, slots=True)
class Objective:
    """Mean loss over all samples, plus weight_decay / 2 * |w|^2.

    `cross-entropy` (nats) smooths its targets by `label_smoothing` as torch does; `squared-error`
    is the mean over samples and classes of the squared difference between the logits and the
    one-hot labels. `weight_decay` is that of an optimizer which adds `weight_decay * w` to the
    gradient; decoupled decay is no part of any objective.

    Raises:
        EmcError: an unknown loss, smoothing outside [0, 1) or without cross-entropy, or a
            negative decay.
    """

    loss: str = "cross-entropy"
    label_smoothing: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """See that the numbers make sense together."""
        if self.loss not in LOSSES:
            raise EmcError(f"loss {self.loss!r}: allowed are {', '.join(LOSSES)}")
        if not 0 <= self.label_smoothing < 1:
            raise EmcError(f"label smoothing {self.label_smoothing}: it lies in [0, 1)")
        if self.label_smoothing > 0 and self.loss != "cross-entropy":
            raise EmcError(f"label smoothing {self.label_smoothing} needs cross-entropy")
        if not self.weight_decay >= 0:
            raise EmcError(f"weight decay {self.weight_decay}: it is not negative")

    @property
    def vanishes_at_infinity(self) -> bool:
        """Whether a net that fits every sample has its infimum at infinitely large weights."""
        return self.loss == "cross-entropy" and self.label_smoothing == 0 and self.weight_decay == 0
