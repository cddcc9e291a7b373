"""The learning rate of every step, the same in every back end."""

import numpy as np

from emc.engine.procedure import Procedure


def steps_of_budget(procedure: Procedure, n: int) -> int:
    """Optimizer steps that the procedure's budget grants a replica of n samples."""
    if procedure.steps is not None:
        return procedure.steps
    assert procedure.epochs is not None
    if procedure.batch is None:
        return procedure.epochs
    batch = min(procedure.batch, n)
    if procedure.order == "stream":
        return -(-procedure.epochs * n // batch)
    return procedure.epochs * -(-n // batch)


def learning_rates(procedure: Procedure, n: int, lr: float) -> np.ndarray:
    """Rates of the steps of a replica of n samples, float64 [steps].

    Over the warm-up's w steps the rate of step i = 0, 1, ... is lr (i + 1) / w; from there it is
    constant, or half a cosine that would reach zero at the step after the last.
    """
    total = steps_of_budget(procedure, n)
    warmup = round(procedure.warmup * total)
    rates = np.full(total, lr)
    if procedure.schedule == "cosine":
        after = np.arange(total - warmup)
        rates[warmup:] *= 0.5 * (1 + np.cos(np.pi * after / max(total - warmup, 1)))
    rates[:warmup] *= np.arange(1, warmup + 1) / max(warmup, 1)
    return rates
