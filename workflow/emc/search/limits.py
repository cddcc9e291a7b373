"""What a search may try, when it is done, and what is expected of it before it starts."""

from dataclasses import dataclass
from math import log
from typing import Final

BEYOND: Final = log(4.0)
"""How far beyond the sizes that can be tried emc50 may lie, either way, in log n."""


@dataclass(frozen=True, slots=True)
class ExpectedCapacity:
    """emc50 is held to lie within `factor` (at least 1.1) of `emc50`, with probability 0.95."""

    emc50: float
    factor: float


@dataclass(frozen=True, slots=True)
class Limits:
    """The sizes that can be tried, the wanted relative half width, and the most probes.

    Without anything `expected`, emc50 is uniform in the logarithm.
    """

    smallest: int
    largest: int
    tolerance: float
    probes: int
    expected: ExpectedCapacity | None = None

    @property
    def range(self) -> tuple[float, float]:
        """Where log emc50 is sought."""
        return log(self.smallest) - BEYOND, log(self.largest) + BEYOND
