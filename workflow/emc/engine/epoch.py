"""One epoch of replicas side by side, as arrays: step by step, replica by replica."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emc.engine.batches import Batches
from emc.engine.optimizer import SCALARS


@dataclass(frozen=True, slots=True)
class EpochSteps:
    """S steps of K replicas; a replica whose epoch is shorter, or that is over, has empty ones.

    samples  int64 [S, K, batch]      the batch comes first, then zeros
    sizes    int64 [S, K]             rows of each batch
    scalars  float32 [S, K, SCALARS]  what `Optimizer.step_scalars` gives
    """

    samples: np.ndarray
    sizes: np.ndarray
    scalars: np.ndarray


def epoch_steps(
    batches: Sequence[Batches], scalars: Sequence[np.ndarray], width: int
) -> EpochSteps:
    """Lay together batches of at most `width` rows, and scalars [steps, SCALARS], of replicas."""
    steps, height = max(map(len, batches)), len(batches)
    epoch = EpochSteps(
        np.zeros((steps, height, width), dtype=np.int64),
        np.zeros((steps, height), dtype=np.int64),
        np.zeros((steps, height, SCALARS), dtype=np.float32),
    )
    for replica, (own, own_scalars) in enumerate(zip(batches, scalars, strict=True)):
        if not own:
            continue
        epoch.sizes[: len(own), replica] = [len(batch) for batch in own]
        filled = np.arange(width) < epoch.sizes[:, replica, None]
        epoch.samples[:, replica][filled] = np.concatenate(own)
        epoch.scalars[: len(own), replica] = own_scalars
    return epoch
