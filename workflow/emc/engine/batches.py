"""Which samples each step of an epoch sees, the same in every back end."""

from collections.abc import Iterator
from itertools import repeat

import numpy as np

from emc.engine.procedure import Procedure
from emc.engine.schedule import steps_of_budget

Batches = list[np.ndarray]
"""The sample numbers of each step of one epoch, int64 [size]."""


def epoch_batches(
    procedure: Procedure, n: int, permutations: Iterator[np.ndarray]
) -> Iterator[Batches]:
    """The batches of every epoch until the budget in steps is spent, mid epoch where it is.

    `permutations` brings the order of each epoch, int64 [n]; full-batch steps leave it alone.
    """
    if procedure.batch is None:
        permutations = repeat(np.arange(n))
    left = steps_of_budget(procedure, n)
    drawn = np.empty(0, dtype=np.int64)
    epoch = 0
    while left:
        sizes = batch_sizes(procedure, n, epoch)[:left]
        epoch, left = epoch + 1, left - len(sizes)
        ends = np.cumsum(sizes)
        while len(drawn) < ends[-1]:
            drawn = np.concatenate([drawn, next(permutations)])
        yield np.split(drawn[: ends[-1]], ends[:-1])
        drawn = drawn[ends[-1] :]


def batch_sizes(procedure: Procedure, n: int, epoch: int) -> list[int]:
    """Rows of each step of epoch 0, 1, ...

    stream: min(batch, n) rows, up to the first step by which epoch + 1 epochs of rows have been
    taken; balanced: nearly equal parts, the larger first; ragged: what remains comes last.
    """
    if procedure.batch is None:
        return [n]
    size = min(procedure.batch, n)
    if procedure.order == "stream":
        return [size] * (-(-(epoch + 1) * n // size) - -(-epoch * n // size))
    parts = -(-n // size)
    if procedure.order == "balanced":
        small, larger = divmod(n, parts)
        return [small + 1] * larger + [small] * (parts - larger)
    return [size] * (parts - 1) + [n - size * (parts - 1)]
