"""What a cell's procedure does on samples that it did not train on."""

from dataclasses import dataclass

from emc.records.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Generalisation:
    """One run of a procedure on the whole training set, and its end point on the test set.

    Accuracies and mean losses (as in a `Probe`, without label smoothing) are of the end point in
    evaluation mode; `gap` is the training accuracy less the test accuracy. `seed` counts the
    runs from 0.
    """

    cell: str
    seed: int
    lr: float
    n: int
    train_accuracy: float
    train_loss: float
    test_samples: int
    test_accuracy: float
    test_loss: float
    gap: float
    outcome: Outcome
    epochs: int
    seconds: float
    back_end: str
    device: str
