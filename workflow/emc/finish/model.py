"""One step: the least of a quadratic model to which kinks are added as they are.

    q(d) = g'd + d' B d / 2 + sum over kinks of slope max(0, c + n'd),

with g the gradient on the off side of the kinks. Its dual is a quadratic program in one multiplier
of each kink, between 0 and the slope: with H = B^-1 and r = g + N' mu,

    mu = argmin r' H r / 2 - c' mu,     d = -H r.

Multipliers inside their bounds hold the step on their kink; the others say on which side it ends.
At d = 0, where all c vanish, r is a convex combination of the one-sided gradients: the shortest
one in the metric H.
"""

from typing import Final, NamedTuple

import numpy as np

from emc.finish.box import minimise_in_box
from emc.finish.metric import Metric
from emc.finish.working import Working

_OFF: Final = 1e-10
"""Kinks are held at this value below zero: clearly on their off side, for any operator."""


class ModelStep(NamedTuple):
    """The model's step from a point.

    `combination` [P] is r, `multipliers` [k] are mu, `along` [k] the normals' parts of the
    direction, `slope` that of the gradient on the off side.
    """

    direction: np.ndarray
    combination: np.ndarray
    multipliers: np.ndarray
    along: np.ndarray
    slope: float
    working: Working

    def rise(self, length: float) -> float:
        """The model's change over a part of the step, without the quadratic term."""
        return length * self.slope + self.working.rise(self.along, length)

    @property
    def holding(self) -> np.ndarray:
        """Mask of the kinks that the step ends on."""
        return (self.multipliers > 0) & (self.multipliers < self.working.kinks.slopes)

    @property
    def misplaced(self) -> float:
        """The largest |c| of a kink that is held, or not on the side that its multiplier says."""
        values, slopes = self.working.kinks.values, self.working.kinks.slopes
        off = (self.multipliers <= 0) & (values <= 0)
        on = (self.multipliers >= slopes) & (values >= 0)
        return float(abs(values[~(off | on)]).max(initial=0.0))


def model_step(gradient: np.ndarray, working: Working, metric: Metric) -> ModelStep:
    """The step to the model's least value from a point with this gradient [P]."""
    kinks, off = working.kinks, working.off(gradient)
    applied = metric.apply(np.concatenate([off[None], kinks.normals]))
    multipliers = np.zeros(0)
    if len(working):
        linear = applied[1:] @ off - (kinks.values + _OFF)
        multipliers = minimise_in_box(kinks.normals @ applied[1:].T, linear, kinks.slopes)
    direction = -(applied[0] + multipliers @ applied[1:])
    return ModelStep(
        direction=direction,
        combination=off + multipliers @ kinks.normals,
        multipliers=multipliers,
        along=kinks.normals @ direction,
        slope=float(off @ direction),
        working=working,
    )
