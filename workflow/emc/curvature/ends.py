"""What is known of the two ends of the Hessian's spectrum, and whether it bends down."""

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

import numpy as np

from emc.curvature.spectrum import Spectrum
from emc.seeds import generator


class Bend(Enum):
    """Whether an eigenvalue lies below -eps * lambda_max."""

    DOWN = "down"
    NONE = "none"
    UNDECIDED = "undecided"


class End(NamedTuple):
    """An eigenvalue v'Hv and its residual |H v - value v|, v a unit vector."""

    value: float
    residual: float


@dataclass(frozen=True, slots=True, eq=False)
class HessianEnds:
    """Smallest and largest eigenvalue with the trace; `direction` [P] is the smallest one's.

    `exact` says that they come from the whole spectrum, which then also counts the `negative`
    eigenvalues; its direction is there only if it was asked for and leads down. Otherwise they
    come from Lanczos after `iterations` steps, the trace is an estimate, and the spectrum the run's
    quadrature (`quadrature`).
    """

    bend: Bend
    low: End
    high: End
    trace: float
    negative: int | None
    iterations: int
    spectrum: Spectrum
    direction: np.ndarray | None

    @property
    def exact(self) -> bool:
        """Whether nothing is left to chance."""
        return self.negative is not None


def exact_ends(hessian: np.ndarray, *, eps: float, direction: bool) -> HessianEnds:
    """Both ends from the whole Hessian [P, P].

    Residuals are the eigensolver's backward error, P * 2^-52 * |H|; eigenvalues no further below
    zero than that count as zero.
    """
    values = np.linalg.eigvalsh(hessian)
    low, high = float(values[0]), float(values[-1])
    rounding = len(values) * float(np.finfo(np.float64).eps) * max(abs(low), abs(high))
    down = low < -eps * max(high, 0.0) - rounding
    return HessianEnds(
        bend=Bend.DOWN if down else Bend.NONE,
        low=End(low, rounding),
        high=End(high, rounding),
        trace=float(np.trace(hessian)),
        negative=int(np.count_nonzero(values < -rounding)),
        iterations=0,
        spectrum=Spectrum(values, np.full(len(values), 1 / len(values))),
        direction=_eigenvector(hessian, low - rounding) if down and direction else None,
    )


def _eigenvector(hessian: np.ndarray, beside: float) -> np.ndarray:
    """The unit eigenvector of the eigenvalue next to `beside`, by inverse iteration."""
    shifted = hessian - beside * np.eye(len(hessian))
    vector: np.ndarray = generator("inverse iteration").standard_normal(len(hessian))
    for _ in range(2):
        solved = np.linalg.solve(shifted, vector)
        vector = solved / float(np.linalg.norm(solved))
    return vector
