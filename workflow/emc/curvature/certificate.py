"""The certificate of a minimum: three tests of an end point, and their verdict."""

from collections.abc import Sequence
from math import isfinite, nan
from time import perf_counter

import numpy as np

from emc.curvature.bound import iterations
from emc.curvature.ends import Ends, exact_ends
from emc.curvature.evidence import Evidence
from emc.curvature.extremes import extremes
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.process import Products, run_together
from emc.curvature.settings import DEFAULT, Settings
from emc.curvature.verdict import Slope, judge
from emc.errors import EmcError
from emc.records import Verdict
from emc.seeds import generator


def certify_operator(
    operator: Operator,
    *,
    plateau: float | None,
    seed: object,
    settings: Settings = DEFAULT,
    escape: bool = False,
) -> Evidence:
    """Whether the operator's point is a minimum.

    `plateau` is the relative variation of the last epoch losses (`emc.criteria.plateau`), None
    where they are not known: then that test is left out. The random start of Lanczos comes from
    `seed`. `escape` asks for the way down from a saddle.

    Raises:
        EmcError: the loss or its gradient is not finite at the point.
    """
    return certify_operators(
        [operator],
        lambda _, vectors: operator.products(vectors),
        plateaus=[plateau],
        seeds=[seed],
        settings=settings,
        escape=escape,
    )[0]


def certify_operators(
    operators: Sequence[Operator],
    products: Products,
    *,
    plateaus: Sequence[float | None],
    seeds: Sequence[object],
    settings: Settings = DEFAULT,
    escape: bool = False,
) -> list[Evidence]:
    """Certify several end points of one net, whose Hessian `products` are made together.

    Each answer is the one that `certify_operator` would give; `seconds` are shared out evenly.
    """
    started = perf_counter()
    points = [operator.first_order() for operator in operators]
    slopes = [_slope(*each) for each in zip(operators, points, plateaus, strict=True)]
    decide = [slope.failure(settings) is None for slope in slopes]
    dimension = len(operators[0].parameters)
    if is_exact(dimension, settings):
        ends = [
            exact_ends(operator.dense(), eps=settings.eps, direction=escape and needed)
            for operator, needed in zip(operators, decide, strict=True)
        ]
    else:
        processes = [
            extremes(dimension, settings, generator(seed, "lanczos"), decide=needed)
            for seed, needed in zip(seeds, decide, strict=True)
        ]
        ends = run_together(processes, products)
    seconds = (perf_counter() - started) / len(operators)
    return [
        _evidence(operator, point, slope, end, settings, escape=escape, seconds=seconds)
        for operator, point, slope, end in zip(operators, points, slopes, ends, strict=True)
    ]


def is_exact(dimension: int, settings: Settings) -> bool:
    """Whether a net of so many parameters gets its whole spectrum.

    Small nets do, and those for which the bound would have Lanczos fill the whole space anyway.
    """
    wanted = iterations(settings.eps, dimension, settings.delta)
    return dimension <= max(settings.exact_up_to, wanted)


def _slope(operator: Operator, point: FirstOrder, plateau: float | None) -> Slope:
    norm = float(np.linalg.norm(point.gradient))
    if not isfinite(point.loss + norm):
        raise EmcError(f"the end point has loss {point.loss} and gradient norm {norm}: not finite")
    return Slope(
        gradient_norm=norm,
        parameter_norm=float(np.linalg.norm(operator.parameters)),
        plateau=plateau,
        at_infinity=point.accuracy == 1 and operator.objective.vanishes_at_infinity,
    )


def _evidence(
    operator: Operator,
    point: FirstOrder,
    slope: Slope,
    ends: Ends,
    settings: Settings,
    *,
    escape: bool,
    seconds: float,
) -> Evidence:
    verdict, reason = judge(slope, ends, settings)
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
        eps=settings.eps,
        delta=0.0 if ends.exact else settings.delta,
        seconds=seconds,
        escape=_downhill(ends.direction, point.gradient) if escape and saddle else None,
    )


def _downhill(direction: np.ndarray | None, gradient: np.ndarray) -> np.ndarray | None:
    """The direction or its opposite, whichever the gradient does not point along."""
    if direction is None:
        return None
    return -direction if direction @ gradient > 0 else direction
