"""From the three tests to a verdict and the sentence that says why.

1. Gradient: the full-batch norm |g|, absolute, and relative as |g| / (|w| lambda_max): the length
   of a Newton step in the stiffest direction against that of the weights, which neither the scale
   of the loss nor that of the weights changes.
2. Plateau: the relative variation of the last epoch losses (`emc.criteria.plateau`).
3. Curvature: whether the Hessian bends down (`ends.Bend`).

The first two ask for stationarity, and come first: a point that moves on is `unconverged`, however
its Hessian bends. A `saddle` asks for as much as a `minimum`.

Pure cross-entropy at a perfect fit needs more care, for its infimum is zero, and on the way to
infinity loss, gradient and curvature vanish together:

- Where the logits grow in proportion to some weights (`Operator.growing`, such as those of a linear
  last layer), a larger multiple of these has a smaller loss at every sample, so that no point that
  fits is stationary. The verdict is `fitted, gradient vanishing` if the gradient's norm and the
  plateau pass, and otherwise `unconverged`; curvature decides nothing.
- Where that is not seen, as with logits that are bounded, the point is judged as any other, and
  the loss has to be flat on its own scale too: a move of the weights by `gradient` of their norm
  may lower it by no more than `plateau` of itself.
"""

from dataclasses import dataclass
from math import inf, isinf
from typing import Final

from emc.curvature.ends import Bend, HessianEnds
from emc.curvature.tolerances import CertificateTolerances
from emc.records import Verdict


@dataclass(frozen=True, slots=True)
class Slope:
    """What the first-order tests look at.

    `plateau` is None where it is not known, and then not tested. `vanishing` says that the net
    fits every sample of an objective whose infimum is then zero; `growing` names the weights that
    it decreases with, where such are seen.
    """

    gradient_norm: float
    parameter_norm: float
    loss: float
    plateau: float | None
    vanishing: bool
    growing: str | None

    def relative(self, lambda_max: float) -> float:
        """|g| / (|w| lambda_max); 0 where the gradient is, infinite at no weights or curvature."""
        return _ratio(self.gradient_norm, self.parameter_norm * max(lambda_max, 0.0))

    def nothing_bends(self, ends: HessianEnds) -> bool:
        """Whether the loss is level around a point that does not fit: no test says anything."""
        zero = self.gradient_norm == ends.low.value == ends.high.value == 0
        return zero and not self.vanishing

    def unmet(self, tolerances: CertificateTolerances) -> str | None:
        """Why the tests that need no curvature fail, or None."""
        if not self.gradient_norm <= tolerances.gradient:
            return f"The gradient norm {self.gradient_norm:.2g} exceeds {tolerances.gradient:g}."
        if self.plateau is None or self.plateau <= tolerances.plateau:
            return None
        if isinf(self.plateau):
            return "Too few epochs were trained for the loss to show a plateau."
        return (
            f"The loss still varied by {self.plateau:.2g} of its mean over the last epochs, "
            f"more than {tolerances.plateau:g}."
        )

    def relative_unmet(self, lambda_max: float, tolerances: CertificateTolerances) -> str | None:
        """Why the tests relative to curvature and loss fail, or None."""
        relative = self.relative(lambda_max)
        if not relative <= tolerances.gradient:
            return f"The relative gradient norm {relative:.2g} exceeds {tolerances.gradient:g}."
        fall = tolerances.gradient * _ratio(self.gradient_norm * self.parameter_norm, self.loss)
        if self.vanishing and not fall <= tolerances.plateau:
            return (
                f"Every sample is fitted and the loss still falls: by {fall:.2g} of itself where "
                f"the weights move by {tolerances.gradient:g} of their norm, more than "
                f"{tolerances.plateau:g}."
            )
        return None


_LEVEL: Final = (
    "The gradient and the whole Hessian are zero: the loss is level around the point, as where a"
    " net steps, and neither rises nor falls."
)


def _ratio(part: float, whole: float) -> float:
    """Zero where the part is, infinite where only the whole is."""
    if part == 0:
        return 0.0
    return part / whole if whole > 0 else inf


def judge(
    slope: Slope, ends: HessianEnds, tolerances: CertificateTolerances
) -> tuple[Verdict, str]:
    """The verdict and its reason, with the numbers that decided."""
    unmet = slope.unmet(tolerances)
    if unmet is None and slope.growing:
        return Verdict.FITTED, _fitted(slope, ends)
    unmet = unmet or slope.relative_unmet(ends.high.value, tolerances)
    if unmet is not None:
        return Verdict.UNCONVERGED, unmet
    if slope.nothing_bends(ends):
        return Verdict.INCONCLUSIVE, _LEVEL
    level = f"-{tolerances.eps:g} times the largest, {ends.high.value:.3g}"
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
        case Bend.NONE:
            return Verdict.MINIMUM, f"{_settled(slope)}, {_flat(ends, tolerances)} below {level}."


def _fitted(slope: Slope, ends: HessianEnds) -> str:
    kind = "eigenvalue" if ends.exact else "Ritz value"
    plateau = "" if slope.plateau is None else f", the loss varied by {slope.plateau:.2g}"
    return (
        f"Every sample is fitted and the gradient norm is down to {slope.gradient_norm:.2g}"
        f"{plateau}; the logits grow with {slope.growing}, so that cross-entropy has no finite "
        f"minimiser there (smallest {kind} {ends.low.value:.3g}, largest {ends.high.value:.3g})."
    )


def _settled(slope: Slope) -> str:
    if slope.plateau is None:
        return f"The gradient norm is {slope.gradient_norm:.2g} (the plateau was not tested)"
    return f"The gradient norm is {slope.gradient_norm:.2g}, the loss varied by {slope.plateau:.2g}"


def _flat(ends: HessianEnds, tolerances: CertificateTolerances) -> str:
    if ends.exact:
        return f"and of the whole spectrum no eigenvalue (smallest {ends.low.value:.3g}) lies"
    return (
        f"and with probability {1 - tolerances.delta:g} no eigenvalue (smallest Ritz value "
        f"{ends.low.value:.3g} after {ends.iterations} iterations) lies"
    )
