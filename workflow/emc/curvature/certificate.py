"""The certificate of a minimum: three tests of an end point, and their verdict."""

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from time import perf_counter

import numpy as np

from emc.curvature.bound import iterations
from emc.curvature.ends import HessianEnds, exact_ends
from emc.curvature.evidence import Evidence
from emc.curvature.extremes import UNDECIDED, extremes
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.parameters import EndPointError
from emc.curvature.process import Process, Products, run_together
from emc.curvature.tolerances import DEFAULT, CertificateTolerances
from emc.curvature.verdict import Slope, judge
from emc.records import Verdict
from emc.seeds import generator


def certify_operator(
    operator: Operator,
    *,
    plateau: float | None,
    seed: object,
    tolerances: CertificateTolerances = DEFAULT,
    escape: bool = False,
) -> Evidence:
    """Whether the operator's point is a minimum.

    `plateau` is the relative variation of the last epoch losses (`emc.criteria.plateau`), None
    where they are not known: then that test is left out. The random start of Lanczos comes from
    `seed`. `escape` asks for the way down from a saddle.

    Raises:
        EndPointError: the loss or its gradient is not finite at the point.
    """
    return certify_operators(
        [operator],
        lambda _, vectors: operator.products(vectors),
        plateaus=[plateau],
        seeds=[seed],
        tolerances=tolerances,
        escape=escape,
    )[0]


def certify_operators(
    operators: Sequence[Operator],
    products: Products,
    *,
    plateaus: Sequence[float | None],
    seeds: Sequence[object],
    tolerances: CertificateTolerances = DEFAULT,
    escape: bool = False,
) -> list[Evidence]:
    """Certify several end points of one net, whose Hessian `products` are made together.

    Each answer is the one that `certify_operator` would give; `seconds` are shared out evenly.
    """
    started = perf_counter()
    points = [operator.first_order() for operator in operators]
    slopes = [_slope(*each) for each in zip(operators, points, plateaus, strict=True)]
    decide = [slope.unmet(tolerances) is None for slope in slopes]
    ends: dict[int, HessianEnds] = {}
    processes: dict[int, Process[HessianEnds]] = {}
    for index, (operator, needed) in enumerate(zip(operators, decide, strict=True)):
        if is_exact(operator, tolerances, decide=needed):
            direction = escape and needed
            ends[index] = exact_ends(operator.dense(), eps=tolerances.eps, direction=direction)
        else:
            draw = generator(seeds[index], "lanczos")
            size = len(operator.parameters)
            processes[index] = extremes(size, tolerances, draw, decide=needed)
    ends |= _answers(processes, products)
    seconds = (perf_counter() - started) / len(operators)
    return [
        _evidence(operator, point, slope, ends[index], tolerances, escape=escape, seconds=seconds)
        for index, (operator, point, slope) in enumerate(
            zip(operators, points, slopes, strict=True)
        )
    ]


def is_exact(operator: Operator, tolerances: CertificateTolerances, *, decide: bool) -> bool:
    """Whether a point gets its whole spectrum: a small net's, where it is not the dearer way.

    And always where the bound would have Lanczos fill the whole space anyway. `decide` says
    whether the verdict hangs on the curvature: Lanczos takes few steps where it does not.
    """
    dimension = len(operator.parameters)
    wanted = iterations(tolerances.eps, dimension, tolerances.delta)
    if dimension <= wanted:
        return True
    needed = wanted if decide else min(wanted, UNDECIDED)
    return dimension <= tolerances.exact_up_to and operator.dense_within(needed)


def _answers(
    processes: Mapping[int, Process[HessianEnds]], products: Products
) -> dict[int, HessianEnds]:
    """The answers of processes at some of the points, by the point's index."""
    indices = list(processes)
    found = run_together(
        list(processes.values()),
        lambda which, vectors: products([indices[place] for place in which], vectors),
    )
    return dict(zip(indices, found, strict=True))


def _slope(operator: Operator, point: FirstOrder, plateau: float | None) -> Slope:
    norm = float(np.linalg.norm(point.gradient))
    if not isfinite(point.loss + norm):
        raise EndPointError(
            f"the end point has loss {point.loss} and gradient norm {norm}: not finite"
        )
    vanishing = point.accuracy == 1 and operator.objective.vanishes_at_infinity
    return Slope(
        gradient_norm=norm,
        parameter_norm=float(np.linalg.norm(operator.parameters)),
        loss=point.loss,
        plateau=plateau,
        vanishing=vanishing,
        growing=operator.growing() if vanishing else None,
    )


def _evidence(
    operator: Operator,
    point: FirstOrder,
    slope: Slope,
    ends: HessianEnds,
    tolerances: CertificateTolerances,
    *,
    escape: bool,
    seconds: float,
) -> Evidence:
    verdict, reason = judge(slope, ends, tolerances)
    saddle = verdict is Verdict.SADDLE
    return Evidence(
        n=operator.samples,
        verdict=verdict,
        reason=reason,
        loss=point.loss,
        gradient_norm=slope.gradient_norm,
        relative_gradient_norm=slope.relative(ends.high.value),
        plateau=nan if slope.plateau is None else slope.plateau,
        lambda_min=ends.low.value,
        lambda_min_residual=ends.low.residual,
        lambda_max=ends.high.value,
        lambda_max_residual=ends.high.residual,
        trace=ends.trace,
        negative_eigenvalues=ends.negative,
        exact=ends.exact,
        iterations=ends.iterations,
        eps=tolerances.eps,
        delta=0.0 if ends.exact else tolerances.delta,
        seconds=seconds,
        eigenvalues=ends.spectrum,
        escape=_downhill(ends.direction, point.gradient) if escape and saddle else None,
    )


def _downhill(direction: np.ndarray | None, gradient: np.ndarray) -> np.ndarray | None:
    """The direction or its opposite, whichever the gradient does not point along."""
    if direction is None:
        return None
    return -direction if direction @ gradient > 0 else direction
