"""The evidence that a probe's end point is a minimum."""

from dataclasses import dataclass, field
from enum import StrEnum

from emc.records.outcome import Outcome


class Verdict(StrEnum):
    """What a certificate says about an end point."""

    MINIMUM = "minimum"
    FITTED = "fitted, gradient vanishing"
    SADDLE = "saddle"
    UNCONVERGED = "unconverged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What was found at a point, and the verdict that follows.

    Loss, gradient and curvature are those of the objective over all n samples, with its smoothing
    and weight decay, in float64; a residual is the norm of H v - lambda v for the unit Ritz vector
    v. `plateau` is nan where it was not tested, infinite where too few epochs were trained.

    `exact` says that the whole spectrum was computed: then `iterations` and `delta` are 0, for no
    bound is needed, and residuals are rounding. Otherwise Lanczos took so many iterations, a
    verdict of `minimum` may be wrong with probability `delta`, `lambda_min` is an upper bound of
    the smallest eigenvalue (to its residual unless the verdict is `unconverged` or
    `inconclusive`), `trace` is an estimate and `negative_eigenvalues` is not known.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Judgement):
    """The judgement of one probe's end point.

    The spectrum is a quadrature: `spectrum_shares` says which share of all eigenvalues each of
    `spectrum_values` stands for.
    """

    cell: str
    round: int
    replica: int
    outcome: Outcome
    spectrum_values: tuple[float, ...] = field(default=(), repr=False)
    spectrum_shares: tuple[float, ...] = field(default=(), repr=False)
