"""What a cell's procedure does on samples that it did not train on."""

from dataclasses import dataclass

from emc.records.column import column
from emc.records.outcome import Ended


@dataclass(frozen=True, slots=True)
class Generalisation:
    """One run of a procedure on the whole training set, and its end point on the test set.

    Accuracies and mean losses (as in a `Run`, without label smoothing) are of the end point in
    evaluation mode; `gap` is the training accuracy less the test accuracy. `seed` counts the
    runs from 0.
    """

    cell: str = column("cell, with original labels")
    seed: int = column("number of the run, from 0")
    lr: float = column("learning rate: the best of the cell's estimate")
    n: int = column("training samples: all there are")
    train_accuracy: float = column("training accuracy of the end point")
    train_loss: float = column("mean training loss of the end point", unit="nats")
    test_samples: int = column("samples of the data set's test part")
    test_accuracy: float = column("test accuracy of the end point")
    test_loss: float = column("mean test loss of the end point", unit="nats")
    gap: float = column("training accuracy less test accuracy")
    ended: Ended = column("why training was over: fit, stationary, budget or diverged")
    epochs: int = column("epochs trained")
    seconds: float = column("wall time of the training", unit="seconds")
    back_end: str = column("back end that trained")
    device: str = column("kind of device")
