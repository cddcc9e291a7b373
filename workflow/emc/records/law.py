"""How an amount, of time or of memory, grows with a net."""

from dataclasses import dataclass
from math import log


@dataclass(frozen=True, slots=True)
class Law:
    """A power of the parameters, with its error.

    Attributes:
        level: natural logarithm of the amount that a net of one parameter would take.
        power: of the parameters.
        typical: parameters that are assumed where they are not known beforehand.
        factor: by which a single cell may be off, 95 %; infinite where one cell tells.
        learnt_from: finished cells.
    """

    level: float
    power: float
    typical: float
    factor: float
    learnt_from: int

    def log_amount(self, parameters: int | None) -> float:
        """Natural logarithm of the amount that is expected."""
        return self.level + self.power * log(parameters or self.typical)

    def log_most(self, parameters: int | None) -> float:
        """The same of the amount that hardly a cell exceeds."""
        return self.log_amount(parameters) + log(self.factor)
