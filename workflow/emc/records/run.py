"""What training did: the numbers of one run, from its first step to the end of its training."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from emc.records.column import column, marked
from emc.records.outcome import Ended

THRESHOLDS: Final = (0.90, 0.99, 0.995, 1.0)
"""Training accuracies whose first epoch and step each run records."""

_MARKS: Final = {"90": "90 %", "99": "99 %", "995": "99.5 %", "100": "100 %"}


class Milestone(NamedTuple):
    """When a run first reached one of `THRESHOLDS`; None where it never did."""

    epoch: int | None
    step: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one training run did.

    `gradient_evaluations` counts per-sample gradients, so that optimizers with different batch
    sizes compare at equal work. Accuracy, loss and gradient norm are those of the end point over
    all n samples in evaluation mode and float32; the loss is without smoothing and weight decay
    (cross-entropy in nats, or squared error), and the norm is of its gradient. `plateau` is
    infinite where fewer than ten epochs were trained. `memorised_bits` is not below zero. The
    trace holds the mean training loss of a few epochs.
    """

    ended: Ended = column("why training was over: fit, stationary, budget or diverged")
    epochs: int = column("epochs trained")
    steps: int = column("optimizer steps")
    gradient_evaluations: int = column("per-sample gradients computed")
    milestones: tuple[Milestone, Milestone, Milestone, Milestone] = marked(
        "first {part} at whose end the training accuracy was {mark}", _MARKS
    )
    accuracy: float = column("training accuracy where training ended")
    loss: float = column("mean training loss where training ended", unit="nats")
    gradient_norm: float = column("norm of the mean training loss's gradient there")
    plateau: float = column("relative variation of the last ten epoch losses")
    memorised_bits: float = column("n log2(classes) less the cross-entropy", unit="bits")
    back_end: str = column("back end that trained the run")
    seconds: float = column("wall time of the training", unit="seconds")
    trace_epochs: tuple[int, ...] = column("epochs at which the trace looks")
    trace_losses: tuple[float, ...] = column("mean training loss of those epochs", unit="nats")
