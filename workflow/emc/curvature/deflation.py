"""A ceiling on the bulk of a spectrum, below a few outliers.

By Courant and Fischer, the (j+1)-th largest eigenvalue of H is at most the largest eigenvalue of
H' = (1 - U U') H (1 - U U'), whatever the j orthonormal columns of U. A short Lanczos run on H'
from a fresh start, independent of U, bounds that one: with Ritz value theta' and error e' of
`bound`,

    lambda_(j+1) - lambda_min  <=  (theta' - lambda_min) / (1 - e').

In (3) of `bound` this gives, with u = e_(m-j) / (1 - e'),

    lambda_min  >=  (theta_m - u theta') / (1 - u).                                     (4)
"""

from typing import Final, NamedTuple

import numpy as np

from emc.curvature.bound import error, iterations
from emc.curvature.lanczos import Lanczos
from emc.curvature.process import Process, Returned

SLACK: Final = 0.5
"""The error e' that the run on the bulk is long enough for."""


class Bulk(NamedTuple):
    """After `outliers` j have been taken out: the Ritz value theta' of the rest, and e'."""

    outliers: int
    top: float
    error: float


def bulk_steps(dimension: int, delta: float) -> int:
    """Products that `measure_bulk` asks for."""
    return iterations(SLACK, dimension, delta)


def measure_bulk(
    outliers: np.ndarray, delta: float, draw: np.random.Generator, scale: float = 0.0
) -> Process[Bulk]:
    """The bulk without the orthonormal rows of `outliers` [j, P]; wrong with chance `delta`.

    `scale` is the size of H as far as it is known.
    """
    count, dimension = outliers.shape
    lanczos = Lanczos(dimension, draw, scale)
    yield from _deflated(lanczos.extend(bulk_steps(dimension, delta)), outliers)
    top = float(lanczos.ritz().values[-1])
    return Bulk(count, top, error(lanczos.steps, dimension, delta))


def without(rows: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """The part of a vector [P] that is orthogonal to orthonormal `rows` [k, P]."""
    rest: np.ndarray = vector - (rows @ vector) @ rows
    return rest


def _deflated(process: Process[Returned], outliers: np.ndarray) -> Process[Returned]:
    """The same process, with products of H' in place of those of H."""
    vector = next(process)
    while True:
        product = yield without(outliers, vector)
        try:
            vector = process.send(without(outliers, product))
        except StopIteration as done:
            answer: Returned = done.value
            return answer
