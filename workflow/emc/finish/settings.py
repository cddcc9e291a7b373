"""What a finish asks for, and how much work it may spend."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FinishSettings:
    """Limits of a finish.

    A point is stationary where its gradient, or on kinks the shortest combination of one-sided
    gradients, is no longer than `gradient`. At most `iterations` quasi-Newton steps are taken,
    which remember the last `memory` ones; after `newton_after` of them `newton` Newton steps come
    first, where a plan has at most `newton_up_to` parameters. At most `escapes` saddles are left.
    """

    gradient: float = 1e-3
    iterations: int = 3000
    memory: int = 50
    newton_after: int = 500
    newton: int = 60
    newton_up_to: int = 1500
    escapes: int = 5


DEFAULT: Final = FinishSettings()
