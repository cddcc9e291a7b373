"""Epochs of several replicas laid side by side."""

import numpy as np

from emc.engine.epoch import epoch_steps
from emc.engine.optimizer import SCALARS


def test_shorter_epochs_and_smaller_batches_are_padded() -> None:
    batches = [[np.array([3, 1]), np.array([2])], [], [np.array([5, 4, 0])]]
    scalars = [np.full((2, SCALARS), 0.5), np.empty((0, SCALARS)), np.full((1, SCALARS), 0.25)]
    steps = epoch_steps(batches, scalars, width=4)
    assert steps.sizes.tolist() == [[2, 0, 3], [1, 0, 0]]
    assert steps.samples.tolist() == [
        [[3, 1, 0, 0], [0, 0, 0, 0], [5, 4, 0, 0]],
        [[2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]],
    ]
    assert steps.scalars[:, :, 0].tolist() == [[0.5, 0, 0.25], [0.5, 0, 0]]
