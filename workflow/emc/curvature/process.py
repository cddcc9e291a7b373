"""Computations that ask for Hessian products, and who answers them.

A process yields a vector [P] and is sent the Hessian times it, so that it neither knows where
products come from nor whose products are made in the same call: several end points of one net
advance side by side, each on its own.
"""

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np

from emc.curvature.operator import Operator

Answer = TypeVar("Answer")
Process = Generator[np.ndarray, np.ndarray, Answer]
Products = Callable[[Sequence[int], np.ndarray], np.ndarray]
"""Products for the processes of the given indices, float64 [m, P] to float64 [m, P]."""


def run(process: Process[Answer], operator: Operator) -> Answer:
    """The answer of a process that asks about `operator`."""
    return run_together([process], lambda _, vectors: operator.products(vectors))[0]


def run_together(processes: Sequence[Process[Answer]], products: Products) -> list[Answer]:
    """The answers of all processes, which advance by one product at a time."""
    answers: dict[int, Answer] = {}
    asked: dict[int, np.ndarray] = {}

    def advance(index: int, product: np.ndarray | None) -> None:
        try:
            asked[index] = processes[index].send(product)  # type: ignore[arg-type]
        except StopIteration as done:
            asked.pop(index, None)
            answers[index] = done.value

    for index in range(len(processes)):
        advance(index, None)
    while asked:
        indices = list(asked)
        for index, product in zip(
            indices, products(indices, np.stack([asked[i] for i in indices])), strict=True
        ):
            advance(index, product)
    return [answers[index] for index in range(len(processes))]
