"""How an amount, of time or of memory, grows with what tells of it beforehand."""

from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class Law:
    """A power of a cell's size, with its error: of its parameters, or of the expected amount.

    Attributes:
        level: natural logarithm of the amount of a cell of size one.
        power: of the size.
        typical: size that is assumed where it is not known beforehand.
        factor: by which a single cell may be off, 95 %; infinite where one cell tells.
        learnt_from: finished cells.
    """

    level: float
    power: float
    typical: float
    factor: float
    learnt_from: int

    def log_amount(self, size: float | None) -> float:
        """Natural logarithm of the amount that is expected."""
        return self.level + self.power * log(size or self.typical)

    def log_most(self, size: float | None) -> float:
        """The same of the amount that hardly a cell exceeds."""
        return self.log_amount(size) + log(self.factor)
