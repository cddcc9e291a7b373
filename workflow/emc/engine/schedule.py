"""Steps of a budget and the learning rate of every step, the same in every back end."""

import numpy as np

from emc.engine.procedure import Procedure
from emc.errors import EmcError
from emc.study.training import MOST_STEPS


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


def rate_factors(procedure: Procedure, total: int, steps: np.ndarray) -> np.ndarray:
    """What multiplies the learning rate at `steps` = 0, 1, ... of `total`, float64 like them.

    min(1, (t + 1) / w) over the warm-up's w steps, times (1 + cos(pi t / total)) / 2 where the
    schedule is a cosine, which would reach zero at the step after the last.
    """
    warmup = round(procedure.warmup * total)
    rise = np.minimum(1.0, (steps + 1) / max(warmup, 1))
    if procedure.schedule == "cosine":
        return rise * (0.5 * (1 + np.cos(np.pi * steps / total)))
    return rise


def learning_rates(procedure: Procedure, n: int, lr: float) -> np.ndarray:
    """Rates of all steps of a replica of n samples, float64 [steps].

    Raises:
        EmcError: epochs of so many samples have more than `MOST_STEPS`.
    """
    total = steps_of_budget(procedure, n)
    if total > MOST_STEPS:
        raise EmcError(
            f"budget: expected at most {MOST_STEPS:,} steps, found {total:,}: {procedure.epochs:,}"
            f" epochs of {n:,} samples in batches of {procedure.batch}"
        )
    return lr * rate_factors(procedure, total, np.arange(total))
