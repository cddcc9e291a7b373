"""What a finish asks for, and how much work it may spend."""

from dataclasses import dataclass
from math import inf
from typing import Final


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """Limits of a finish.

    A point is stationary where its gradient, or on kinks the shortest combination of one-sided
    gradients, is no longer than `gradient`. At most `iterations` quasi-Newton steps are taken,
    which remember the last `history` ones and see no kinks; then at most `newton` Newton steps,
    over kinks and along them. At most `escapes` saddles are left. No step is begun once `passes`
    passes over all samples were made: a gradient is one, a Hessian product two.
    """

    gradient: float = 1e-3
    iterations: int = 500
    history: int = 50
    newton: int = 200
    escapes: int = 5
    passes: float = inf


DEFAULT: Final = FinishSettings()
