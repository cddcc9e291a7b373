"""One probe: a fresh net trained on n freshly drawn samples."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from emc.records.outcome import Outcome

THRESHOLDS: Final = (0.90, 0.99, 0.995, 1.0)
"""Training accuracies whose first epoch and step each probe records."""


class Milestone(NamedTuple):
    """When a probe first reached one of `THRESHOLDS`; None where it never did."""

    epoch: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class Probe:
    """What one training run did.

    `gradient_evaluations` counts per-sample gradients, so that optimizers with different batch
    sizes compare at equal work. `loss` is the mean training loss of the end point over all n
    samples in evaluation mode (nats), `gradient_norm` the Euclidean norm of its gradient,
    `plateau` the relative variation of the epoch losses over the last ten epochs (infinite where
    fewer were trained), `memorised_bits` is n * log2(classes) minus the summed cross-entropy in
    bits, not below zero. The trace holds the mean training loss of a few epochs.
    """

    cell: str
    round: int
    replica: int
    seed: int
    n: int
    lr: float
    outcome: Outcome
    epochs: int
    steps: int
    gradient_evaluations: int
    milestones: tuple[Milestone, Milestone, Milestone, Milestone]
    accuracy: float
    loss: float
    gradient_norm: float
    plateau: float
    memorised_bits: float
    back_end: str
    device: str
    seconds: float
    trace_epochs: tuple[int, ...]
    trace_losses: tuple[float, ...]
