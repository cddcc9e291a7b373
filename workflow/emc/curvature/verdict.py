"""From the three tests to a verdict and the sentence that says why.

1. Gradient: the full-batch norm |g|, absolute, and relative as |g| / (|w| lambda_max): the length
   of a Newton step in the stiffest direction against that of the weights, which neither the scale
   of the loss nor that of the weights changes.
2. Plateau: the relative variation of the last epoch losses (`emc.criteria.plateau`).
3. Curvature: whether the Hessian bends down (`ends.Bend`).

Under pure cross-entropy a net that fits every sample has no finite minimiser: on the way to
infinity loss, gradient and curvature vanish together, so that the relative gradient and the
relative variation of the loss do not. There the absolute gradient is the only first-order test,
and the verdict in the place of `minimum` is `fitted, gradient vanishing`. Negative curvature that
is certain stays a `saddle`: the loss falls faster off that way than along it.
"""

from dataclasses import dataclass
from math import inf, isinf

from emc.curvature.ends import Bend, Ends
from emc.curvature.settings import Settings
from emc.records import Verdict


@dataclass(frozen=True, slots=True)
class Slope:
    """What the first-order tests look at.

    `plateau` is None where it is not known, and then not tested. `at_infinity` says that the net
    fits every sample of an objective that vanishes at infinity.
    """

    gradient_norm: float
    parameter_norm: float
    plateau: float | None
    at_infinity: bool

    def relative(self, lambda_max: float) -> float:
        """|g| / (|w| lambda_max); 0 where the gradient is, infinite at no weights or curvature."""
        if self.gradient_norm == 0:
            return 0.0
        scale = self.parameter_norm * max(lambda_max, 0.0)
        return self.gradient_norm / scale if scale > 0 else inf

    def failure(self, settings: Settings) -> str | None:
        """Why the tests that need no curvature fail, or None."""
        if not self.gradient_norm <= settings.gradient:
            return f"The gradient norm {self.gradient_norm:.2g} exceeds {settings.gradient:g}."
        if self.at_infinity or self.plateau is None or self.plateau <= settings.plateau:
            return None
        if isinf(self.plateau):
            return "Too few epochs were trained for the loss to show a plateau."
        return (
            f"The loss still varied by {self.plateau:.2g} of its mean over the last epochs, "
            f"more than {settings.plateau:g}."
        )

    def relative_failure(self, lambda_max: float, settings: Settings) -> str | None:
        """Why the relative gradient test fails, or None."""
        relative = self.relative(lambda_max)
        if self.at_infinity or relative <= settings.gradient:
            return None
        return f"The relative gradient norm {relative:.2g} exceeds {settings.gradient:g}."


def judge(slope: Slope, ends: Ends, settings: Settings) -> tuple[Verdict, str]:
    """The verdict and its reason, one sentence with the numbers that decided."""
    failure = slope.failure(settings) or slope.relative_failure(ends.high.value, settings)
    if failure is not None:
        return Verdict.UNCONVERGED, failure
    level = f"-{settings.eps:g} times the largest, {ends.high.value:.3g}"
    kind = "eigenvalue" if ends.exact else "Ritz value"
    low = f"smallest {kind} {ends.low.value:.3g}"
    match ends.bend:
        case Bend.DOWN:
            reason = f"The {low} (residual {ends.low.residual:.1g}) lies below {level}."
            return Verdict.SADDLE, reason
        case Bend.UNDECIDED:
            return Verdict.INCONCLUSIVE, (
                f"After {ends.iterations} iterations the {low} neither proves nor excludes "
                f"an eigenvalue below {level}."
            )
        case Bend.NONE if slope.at_infinity:
            return Verdict.FITTED, (
                f"Every sample is fitted and the gradient norm is down to "
                f"{slope.gradient_norm:.2g}, {_flat(ends, settings)} below {level}; "
                f"cross-entropy has no finite minimiser there."
            )
        case Bend.NONE:
            return Verdict.MINIMUM, f"{_settled(slope)}, {_flat(ends, settings)} below {level}."


def _settled(slope: Slope) -> str:
    if slope.plateau is None:
        return f"The gradient norm is {slope.gradient_norm:.2g} (the plateau was not tested)"
    return f"The gradient norm is {slope.gradient_norm:.2g}, the loss varied by {slope.plateau:.2g}"


def _flat(ends: Ends, settings: Settings) -> str:
    if ends.exact:
        return f"and of the whole spectrum no eigenvalue (smallest {ends.low.value:.3g}) lies"
    return (
        f"and with probability {1 - settings.delta:g} no eigenvalue (smallest Ritz value "
        f"{ends.low.value:.3g} after {ends.iterations} iterations) lies"
    )
