"""What was found at an end point, and the verdict that follows."""

from dataclasses import dataclass, field, fields

import numpy as np

from emc.records import Certificate, Outcome, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A certificate before it is given to a probe; fields as in `emc.records.Certificate`.

    `plateau` is nan where it was not tested. Loss, gradient and curvature are those of the
    objective, with its smoothing and weight decay. `delta` is 0 where the spectrum is exact.
    `escape` is the unit direction [P] of the most negative curvature, turned so that the loss does
    not rise along it to first order: there for a saddle, if it was asked for.
    """

    n: int
    verdict: Verdict
    reason: str
    loss: float
    gradient_norm: float
    relative_gradient_norm: float
    plateau: float
    lambda_min: float
    lambda_min_residual: float
    lambda_max: float
    lambda_max_residual: float
    trace: float
    negative_eigenvalues: int | None
    exact: bool
    iterations: int
    eps: float
    delta: float
    seconds: float
    escape: np.ndarray | None = field(default=None, repr=False)

    def certificate(self, *, cell: str, number: int, replica: int, outcome: Outcome) -> Certificate:
        """The row of the probe `replica` of round `number` of a cell, which ended here."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        del own["escape"]
        return Certificate(cell=cell, round=number, replica=replica, outcome=outcome, **own)

    def __str__(self) -> str:
        """The verdict and its reason."""
        return f"{self.verdict}: {self.reason}"
