"""One epoch of replicas side by side, as arrays: step by step, replica by replica."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emc.engine.batches import Batches
from emc.engine.optimizer import RATES


@dataclass(frozen=True, slots=True)
class EpochSteps:
    """S steps of K replicas; a replica whose epoch is shorter, or that is over, has empty ones.

    samples  int64 [S, K, batch]      the batch comes first, then zeros
    sizes    int64 [S, K]             rows of each batch
    rates    float32 [S, K, RATES]    as `emc.engine.optimizer.Optimizer.step_rates` gives them
    """

    samples: np.ndarray
    sizes: np.ndarray
    rates: np.ndarray


def epoch_steps(batches: Sequence[Batches], rates: Sequence[np.ndarray], width: int) -> EpochSteps:
    """Lay the replicas' batches, at most `width` rows each, and rates [steps, RATES] together."""
    steps, height = max(map(len, batches)), len(batches)
    epoch = EpochSteps(
        np.zeros((steps, height, width), dtype=np.int64),
        np.zeros((steps, height), dtype=np.int64),
        np.zeros((steps, height, RATES), dtype=np.float32),
    )
    for replica, (own, own_rates) in enumerate(zip(batches, rates, strict=True)):
        if not own:
            continue
        epoch.sizes[: len(own), replica] = [len(batch) for batch in own]
        filled = np.arange(width) < epoch.sizes[:, replica, None]
        epoch.samples[:, replica][filled] = np.concatenate(own)
        epoch.rates[: len(own), replica] = own_rates
    return epoch
