"""The evidence that a probe's end point is a minimum."""

from dataclasses import dataclass
from enum import StrEnum

from emc.records.outcome import Outcome


class Verdict(StrEnum):
    """What a certificate says about an end point."""

    MINIMUM = "minimum"
    FITTED = "fitted, gradient vanishing"
    SADDLE = "saddle"
    UNCONVERGED = "unconverged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certified end point.

    Eigenvalues are those of the full-batch loss Hessian in float64; a residual is the norm of
    H v - lambda v for the unit Ritz vector v. `exact` says that the whole spectrum was computed,
    so that no probabilistic bound is needed; otherwise, with probability `1 - delta`, no
    eigenvalue lies below `-eps * lambda_max`.
    """

    cell: str
    round: int
    replica: int
    n: int
    outcome: Outcome
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
