"""Both ends of the spectrum by Lanczos, with as many iterations as the question needs.

Whether the Hessian bends down is decided from the Ritz values after every few steps, which the
bound allows (`bound`, (2)):

- It does when the smallest Ritz value theta lies below -eps times the most that lambda_max can be,
  by more than its residual: theta is an upper bound of lambda_min, so this is certain up to the
  bound on lambda_max.
- It does not when lambda_min < -eps * lambda_max would contradict theta: by (4) of `deflation`
  when theta >= u theta' - eps (1 - u) lambda_max. Without outliers u is e_m and theta' lambda_max
  itself, so that e_m <= eps / (1 + eps) is needed even for theta = 0: the iteration count of the
  bound. Taking out the outliers is tried as soon as the Ritz values promise that it decides.
"""

from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from emc.curvature.bound import error, iterations
from emc.curvature.deflation import SLACK, Bulk, bulk_steps, measure_bulk
from emc.curvature.ends import Bend, End, HessianEnds
from emc.curvature.lanczos import Lanczos, Ritz
from emc.curvature.process import Process
from emc.curvature.spectrum import Spectrum
from emc.curvature.tolerances import CertificateTolerances

UNDECIDED: Final = 16
"""Most iterations where no verdict hangs on the curvature: enough for lambda_max."""
_BULK_SHARE: Final = 0.01
"""Part of delta that the bulk's ceiling may use up."""
_TRACE_PROBES: Final = 4
_FIRST_LOOK: Final = 16


def extremes(
    dimension: int, tolerances: CertificateTolerances, draw: np.random.Generator, *, decide: bool
) -> Process[HessianEnds]:
    """Both ends of the spectrum; `decide` says whether it matters if the Hessian bends down.

    Where it does not, the run ends when both ends are accurate to eps * lambda_max, or after
    `UNDECIDED` iterations: then its lambda_min is an upper bound only.
    """
    run = Lanczos(dimension, draw)
    wanted = _Iterations(dimension, tolerances, decide)
    bulk = None
    yield from run.extend(wanted.stride(0))
    while not (view := _View(run.ritz(), run.steps, wanted, bulk)).settled(decide):
        if decide and bulk is None and (outliers := view.outliers_worth_taking_out()):
            rows = run.vectors(view.ritz.columns[:, -outliers:])
            bulk = yield from measure_bulk(rows, wanted.bulk_delta, draw, run.scale)
        else:
            yield from run.extend(wanted.stride(run.steps))
    return (yield from _ends(run, view))


class _Iterations:
    """How many iterations the bound wants, how many are allowed, and when to look."""

    def __init__(self, dimension: int, tolerances: CertificateTolerances, decide: bool) -> None:
        self.dimension = dimension
        self.eps = tolerances.eps
        self.delta = (1 - _BULK_SHARE) * tolerances.delta
        self.bulk_delta = _BULK_SHARE * tolerances.delta
        most = tolerances.max_iterations if decide else min(tolerances.max_iterations, UNDECIDED)
        self.limit = min(most, dimension)
        wanted = iterations(self.eps / (1 + self.eps), dimension, self.delta)
        self.enough = min(wanted, self.limit)

    def stride(self, steps: int) -> int:
        """Steps until the next look: a fifth more, stopping where the bound is reached."""
        stop = self.enough if steps < self.enough else self.limit
        return min(max(_FIRST_LOOK - steps, 8, steps // 5), stop - steps)


@dataclass(frozen=True, slots=True)
class _View:
    """What the Ritz values say after `steps` steps."""

    ritz: Ritz
    steps: int
    wanted: _Iterations
    bulk: Bulk | None

    @property
    def low(self) -> float:
        return float(self.ritz.values[0])

    @property
    def high(self) -> float:
        return max(float(self.ritz.values[-1]), 0.0)

    def error(self, steps: int) -> float:
        return error(steps, self.wanted.dimension, self.wanted.delta)

    def settled(self, decide: bool) -> bool:
        """Whether to stop: the bound has answered, or the values are good enough, or steps ran out.

        A bend downwards is known long before its eigenvalue is, which is waited for.
        """
        bend = self.bend()
        if bend is Bend.NONE or self.steps >= self.wanted.limit:
            return True
        answered = bend is Bend.DOWN or not decide
        return answered and (self.accurate() or self.steps >= self.wanted.enough)

    def accurate(self) -> bool:
        """Whether both residuals are within eps of the spectrum's scale."""
        scale = max(self.high, -self.low)
        return float(max(self.ritz.residuals[[0, -1]])) <= self.wanted.eps * scale

    def bend(self) -> Bend:
        """Whether the Hessian bends down, as far as these values can tell."""
        if self.low + self.ritz.residuals[0] < -self.wanted.eps * self._ceiling():
            return Bend.DOWN
        e = self.error(self.steps)
        if e <= self.wanted.eps * (1 - e) and self._margin(e, self.high) >= 0:
            return Bend.NONE
        if self.bulk is not None:
            u = self.error(self.steps - self.bulk.outliers) / (1 - self.bulk.error)
            if u < 1 and self._margin(u, self.bulk.top) >= 0:
                return Bend.NONE
        return Bend.UNDECIDED

    def outliers_worth_taking_out(self) -> int:
        """How many outliers promise to answer the question at once; 0 if none, or at no gain."""
        products = bulk_steps(self.wanted.dimension, self.wanted.bulk_delta)
        if self.steps + products >= self.wanted.enough:
            return 0
        margins = [
            self._margin(self.error(self.steps - j) / (1 - SLACK), float(self.ritz.values[-1 - j]))
            for j in range(1, self.steps)
        ]
        best = int(np.argmax(margins))
        return best + 1 if margins[best] >= 0 else 0

    def _margin(self, u: float, rest: float) -> float:
        """By how much theta exceeds what a bend downwards would allow."""
        return self.low - u * max(rest, 0.0) + self.wanted.eps * (1 - u) * self.high

    def _ceiling(self) -> float:
        """The most that lambda_max can be, by the bound at the upper end."""
        e = self.error(self.steps)
        return self.high + e * (self.high - self.low) / (1 - 2 * e) if e < 0.5 else inf


def _ends(run: Lanczos, view: _View) -> Process[HessianEnds]:
    vectors = run.vectors(view.ritz.columns[:, [0, -1]])
    low = yield from _checked(vectors[0])
    high = yield from _checked(vectors[1])
    return HessianEnds(
        bend=view.bend(),
        low=low,
        high=high,
        trace=(yield from _trace(run)),
        negative=None,
        iterations=run.steps,
        spectrum=Spectrum(view.ritz.values, view.ritz.columns[0] ** 2),
        direction=vectors[0],
    )


def _checked(vector: np.ndarray) -> Process[End]:
    """The Rayleigh quotient of a unit vector and its residual, from a product of its own."""
    product = yield vector
    value = float(vector @ product)
    return End(value, float(np.linalg.norm(product - value * vector)))


def _trace(run: Lanczos) -> Process[float]:
    """The trace on the Krylov space, and an estimate of the rest from random directions in it.

    Hutch++ (Meyer, Musco, Musco and Woodruff 2021) with the Krylov space as its sketch.
    """
    rest = run.dimension - run.steps
    if rest == 0:
        return run.trace
    quotients = []
    for _ in range(_TRACE_PROBES):
        direction = run.fresh()
        product = yield direction
        quotients.append(float(direction @ product))
    return run.trace + rest * float(np.mean(quotients))
