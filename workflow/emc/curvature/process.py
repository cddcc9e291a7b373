"""Computations that ask for Hessian products, and who answers them.

A process yields a vector [P] and is sent the Hessian times it, so that it neither knows where
products come from nor whose products are made in the same call: several end points of one net
advance side by side, each on its own.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from emc.curvature.operator import Operator

Returned = TypeVar("Returned")
Process = Generator[np.ndarray, np.ndarray, Returned]
Products = Callable[[Sequence[int], np.ndarray], np.ndarray]
"""Products for the processes of the given indices, float64 [m, P] to float64 [m, P]."""


def one_by_one(operators: Sequence[Operator]) -> Products:
    """Products of several operators, which are not made together."""
    return lambda indices, vectors: np.concatenate(
        [
            operators[index].products(vector[None])
            for index, vector in zip(indices, vectors, strict=True)
        ]
    )


def run(process: Process[Returned], operator: Operator) -> Returned:
    """The answer of a process that asks about `operator`."""
    return run_together([process], lambda _, vectors: operator.products(vectors))[0]


def run_together(processes: Sequence[Process[Returned]], products: Products) -> list[Returned]:
    """The answers of all processes, which advance by one product at a time."""
    answers: dict[int, Returned] = {}
    asked: dict[int, np.ndarray] = {}

    def listen(index: int, advance: Callable[[], np.ndarray]) -> None:
        try:
            asked[index] = advance()
        except StopIteration as done:
            answers[index] = done.value

    for index, process in enumerate(processes):
        listen(index, process.__next__)
    while asked:
        indices, vectors = list(asked), np.stack(list(asked.values()))
        asked.clear()
        for index, product in zip(indices, products(indices, vectors), strict=True):
            listen(index, partial(processes[index].send, product))
    return [answers[index] for index in range(len(processes))]
