"""Whether a stationary point is a saddle, and the way down from it."""

from typing import Final

import numpy as np

from emc.curvature.bound import iterations
from emc.curvature.ends import Bend, HessianEnds, exact_ends
from emc.curvature.extremes import extremes
from emc.curvature.operator import Operator
from emc.curvature.process import run_together
from emc.curvature.tolerances import DEFAULT
from emc.finish.descent import Place, look
from emc.seeds import generator

_LENGTHS: Final = np.geomspace(1e-4, 1, 9)
"""Steps off a saddle that are tried, relative to the norm of the parameters."""


def way_down(place: Place, held: np.ndarray) -> Place | None:
    """A lower point along the negative curvature of a stationary point; None if there is none.

    Where kinks hold the point, `held` [k, P] being their normals, directions along them count.
    An eigenvalue is negative where it lies below -eps times the largest, as in a certificate.
    """
    basis = np.linalg.qr(held.T)[0]
    ends = _ends(place.operator, basis)
    if ends.bend is not Bend.DOWN or ends.direction is None:
        return None
    lowest = _lowest(place, _along(ends.direction, basis))
    return lowest if lowest.seen.loss < place.seen.loss else None


def _along(vectors: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Vectors without what leads off the kinks."""
    along: np.ndarray = vectors - (vectors @ basis) @ basis.T
    return along


def _ends(operator: Operator, basis: np.ndarray) -> HessianEnds:
    """Both ends of the spectrum of the Hessian along the kinks."""
    dimension = len(operator.parameters)
    if dimension <= iterations(DEFAULT.eps, dimension, DEFAULT.delta):
        hessian = _along(_along(operator.dense(), basis).T, basis)
        return exact_ends((hessian + hessian.T) / 2, eps=DEFAULT.eps, direction=True)
    draw = generator("finish", "saddle")
    process = extremes(dimension, DEFAULT, draw, decide=True)

    def products(_: object, vectors: np.ndarray) -> np.ndarray:
        return _along(operator.products(_along(vectors, basis)), basis)

    return run_together([process], products)[0]


def _lowest(place: Place, direction: np.ndarray) -> Place:
    """The point of the lowest loss on a line, among steps of both signs and several lengths."""
    scale = max(float(np.linalg.norm(place.parameters)), 1.0)
    steps = scale * np.concatenate([_LENGTHS, -_LENGTHS])
    tried = (look(place.operator, place.parameters + step * direction) for step in steps)
    return min(tried, key=lambda one: one.seen.loss)
