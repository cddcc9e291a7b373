"""What a finish asks for, and how much work it may spend."""

from dataclasses import dataclass
from math import inf
from typing import Final

from emc.study.training import Finish

_ASKED: Final = Finish()
"""What a study asks for where it says nothing else."""

IN_TURN: Final = (500, 10)
"""Most quasi-Newton steps, and Newton steps, before the others have their turn. Each turn may be
twice as long as the one before: which of the two gets on is not known beforehand."""
WHOLE: Final = 400
"""Newton steps see all directions of a net with at most this many parameters."""
KRYLOV: Final = 150
"""Directions that they see of a larger net, besides the normals of kinks."""
ONWARD: Final = 1 / 15
"""Passes that the descent goes on for from a stationary point, to see whether the loss stands
still, as a part of all that it may make."""
ONWARD_LEAST: Final = 1000
"""The least of these; where there is no limit, besides as many as were made."""


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """Limits of a finish.

    A point is stationary where its gradient, or on kinks the shortest combination of one-sided
    gradients, is no longer than `gradient`. Kinks are first rounded off, over `rounding` times the
    mean |z| of their layer and then over less and less. Each time, and with the kinks as they are,
    the descent takes at most about `iterations` quasi-Newton steps in float32 and as many in
    float64, which remember the last `history` ones, and `newton` Newton steps.
    At most `escapes` saddles are left. No step is begun once `passes` passes over all samples were
    made: a gradient is one, a Hessian product two. What a study can ask for has a study's defaults.
    """

    gradient: float = _ASKED.gradient
    iterations: int = _ASKED.iterations
    history: int = 20
    rounding: float = _ASKED.rounding
    newton: int = 200
    escapes: int = _ASKED.escapes
    passes: float = inf


DEFAULT: Final = FinishSettings()
