"""What a finish asks for, and how much work it may spend."""

from dataclasses import dataclass
from math import inf
from typing import Final

from emc.study.training import Finish

_ASKED: Final = Finish()
"""What a study asks for where it says nothing else."""


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """Limits of a finish.

    A point is stationary where its gradient, or on kinks the shortest combination of one-sided
    gradients, is no longer than `gradient`. Kinks are first rounded off, over `rounding` times the
    mean |z| of their layer and then over less and less, each time for at most `rounds` rounds of
    steps. At most `iterations` quasi-Newton steps follow, which see kinks as they are and not
    beforehand; then at most `newton` Newton steps, over kinks and along them. Quasi-Newton steps
    remember the last `history` ones. At most `escapes` saddles are left. No step is begun once
    `passes` passes over all samples were made: a gradient is one, a Hessian product two. What a
    study can ask for has a study's defaults.
    """

    gradient: float = _ASKED.gradient
    iterations: int = _ASKED.iterations
    history: int = 50
    rounding: float = _ASKED.rounding
    rounds: int = 10
    newton: int = 200
    escapes: int = _ASKED.escapes
    passes: float = inf


DEFAULT: Final = FinishSettings()
