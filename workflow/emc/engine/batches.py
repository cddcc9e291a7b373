"""Which samples each step of an epoch sees, the same in every back end."""

from collections.abc import Callable, Iterator
from itertools import repeat

import numpy as np

from emc.engine.procedure import Procedure
from emc.engine.schedule import steps_of_budget

Batches = list[np.ndarray]
"""The sample numbers of each step of one epoch, int64 [size]."""

Orders = Callable[[int], Iterator[np.ndarray]]
"""From an epoch on, the order of the samples in each, int64 [n]."""


def epoch_batches(
    procedure: Procedure, n: int, orders: Orders, epoch: int = 0
) -> Iterator[Batches]:
    """The batches of every epoch, from `epoch` on, until the budget in steps is spent.

    The last epoch ends where the budget does. Full-batch steps leave `orders` alone.
    """
    if procedure.batch is None:
        orders = lambda _: repeat(np.arange(n))  # noqa: E731
    steps, rows = _taken(procedure, n, epoch)
    permutations, skipped = orders(rows // n), rows % n
    drawn = next(permutations)[skipped:]
    left = steps_of_budget(procedure, n) - steps
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
        return [size] * (_taken(procedure, n, epoch + 1)[0] - _taken(procedure, n, epoch)[0])
    parts = -(-n // size)
    if procedure.order == "balanced":
        small, larger = divmod(n, parts)
        return [small + 1] * larger + [small] * (parts - larger)
    return [size] * (parts - 1) + [n - size * (parts - 1)]


def _taken(procedure: Procedure, n: int, epoch: int) -> tuple[int, int]:
    """Steps and rows before epoch 0, 1, ..."""
    size = n if procedure.batch is None else min(procedure.batch, n)
    if procedure.order == "stream":
        steps = -(-epoch * n // size)
        return steps, steps * size
    return epoch * -(-n // size), epoch * n
