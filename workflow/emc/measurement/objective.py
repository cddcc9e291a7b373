"""What a procedure minimises, as those see it who look at where its runs ended."""

import numpy as np

from emc.curvature.objective import Objective
from emc.engine.procedure import Procedure


def objective(trained: Procedure) -> Objective:
    """What a procedure minimises; decoupled decay is no part of it, nor is that of a plug-in."""
    return Objective(trained.loss, trained.label_smoothing, trained.optimizer.coupled_decay)


def seed_constants(trained: Procedure, seed: int) -> dict[str, np.ndarray]:
    """What a reparameterised net had from the seed; layers have nothing, and need no torch."""
    if trained.layers is not None:
        return {}
    from emc.engine.fresh import from_the_seed

    return from_the_seed(trained, seed)
