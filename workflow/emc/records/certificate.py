"""The evidence that a probe's end point is a minimum."""

from dataclasses import dataclass
from enum import StrEnum

from emc.records.column import column
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
    bound is needed, and residuals are rounding. Otherwise Lanczos took `iterations` steps, a
    verdict of `minimum` may be wrong with probability `delta`, `lambda_min` is an upper bound of
    the smallest eigenvalue (to its residual unless the verdict is `unconverged` or
    `inconclusive`), `trace` is an estimate and `negative_eigenvalues` is not known.
    """

    n: int = column("training samples")
    verdict: Verdict = column("what the certificate says")
    reason: str = column("why, and of which mode of a net where its modes differ")
    loss: float = column("mean training loss, float64")
    gradient_norm: float = column("norm of the full-batch mean gradient")
    relative_gradient_norm: float = column("the same relative to weights and curvature")
    plateau: float = column("relative variation of the last ten epoch losses")
    lambda_min: float = column(
        "smallest eigenvalue of the loss Hessian; an upper bound where neither exact nor"
        " accurate to its residual"
    )
    lambda_min_residual: float = column("residual of its Ritz vector")
    lambda_max: float = column("largest eigenvalue of the loss Hessian")
    lambda_max_residual: float = column("residual of its Ritz vector")
    trace: float = column("trace of the loss Hessian; an estimate unless exact")
    negative_eigenvalues: int | None = column("negative eigenvalues, where exact")
    exact: bool = column("the whole spectrum was computed")
    iterations: int = column("Lanczos iterations; 0 where exact")
    eps: float = column("curvature tolerance relative to lambda_max")
    delta: float = column("probability with which the bound may miss; 0 where exact")
    seconds: float = column("wall time of the certificate", unit="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate(Judgement):
    """The judgement of one probe's end point.

    The spectrum is a quadrature: `spectrum_shares` says which share of all eigenvalues each of
    `spectrum_values` stands for.
    """

    cell: str = column("cell")
    round: int = column("round of the probe")
    replica: int = column("place of the probe in its round")
    outcome: Outcome = column("how the probe ended")
    spectrum_values: tuple[float, ...] = column(
        "the spectrum as a quadrature: eigenvalues", default=(), repr=False
    )
    spectrum_shares: tuple[float, ...] = column(
        "share of all eigenvalues that each stands for", default=(), repr=False
    )
