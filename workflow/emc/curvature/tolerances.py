"""What a certificate asks for."""

from dataclasses import dataclass
from typing import Final, Literal

from emc.errors import EmcError
from emc.study.certificate import CertificateSettings

_ASKED: Final = CertificateSettings()
"""What a study asks for where it says nothing else."""
PRECISIONS: Final = ("float64", "float32")


@dataclass(frozen=True, slots=True)
class CertificateTolerances:
    """Tolerances of the three tests, and how much work may be spent on them.

    Curvature: no eigenvalue below `-eps * lambda_max`, wrongly said with probability `delta` at
    most. `gradient` bounds the norm of the full-batch gradient, absolute and relative; `plateau`
    the relative variation of the last epoch losses. A net of `exact_up_to` parameters or fewer
    gets its whole spectrum unless that is much dearer. Products run in `precision` (float64 or
    float32); all the rest is float64. What a study can ask for has a study's defaults.
    """

    eps: float = _ASKED.eps
    delta: float = _ASKED.delta
    gradient: float = _ASKED.gradient
    plateau: float = _ASKED.plateau
    exact_up_to: int = 2000
    max_iterations: int = _ASKED.iterations
    precision: Literal["float64", "float32"] = "float64"

    def __post_init__(self) -> None:
        """See that the numbers make sense.

        Raises:
            EmcError: one does not.
        """
        for name in ("eps", "delta"):
            if not 0 < getattr(self, name) < 1:
                raise EmcError(
                    f"{name}: expected a number between 0 and 1, found {getattr(self, name)}"
                )
        for name in ("gradient", "plateau"):
            if not getattr(self, name) >= 0:
                raise EmcError(f"{name}: expected a number from 0, found {getattr(self, name)}")
        for name in ("exact_up_to", "max_iterations"):
            least = 1 if name == "max_iterations" else 0
            if not getattr(self, name) >= least:
                raise EmcError(
                    f"{name}: expected a number from {least}, found {getattr(self, name)}"
                )
        if self.precision not in PRECISIONS:
            raise EmcError(
                f"precision: expected {' or '.join(PRECISIONS)}, found {self.precision!r}"
            )


DEFAULT: Final = CertificateTolerances()
