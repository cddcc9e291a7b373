"""On from a failure's end point: was the run merely unfinished, or is it stuck?

Where L-BFGS comes to rest at a saddle, the loss is followed down along the negative curvature and
the polish goes on from there, as often as the settings allow.
"""

from time import perf_counter
from typing import Final

import numpy as np

from emc.curvature.certificate import certify_operator
from emc.curvature.descent import Descent
from emc.curvature.evidence import Evidence
from emc.curvature.operator import FirstOrder, Operator
from emc.curvature.settings import Settings
from emc.records import Polish, Verdict

_LENGTHS: Final = np.geomspace(1e-4, 1, 9)
"""Steps off a saddle that are tried, relative to the norm of the parameters."""


def polish(operator: Operator, *, criterion: float, seed: object, settings: Settings) -> Polish:
    """How far at most `settings.polish` iterations of L-BFGS come from the operator's point.

    `criterion` is the training accuracy that fits; a point that does not is certified, Lanczos
    starting at random from `seed`. The plateau test is left out: L-BFGS has no epochs, and has to
    bring the gradient well below its threshold instead.

    Raises:
        EmcError: the loss or its gradient is not finite at the point.
    """
    started = perf_counter()
    descent = Descent(operator, criterion, settings)
    escapes, evidence = 0, None
    while True:
        descent.go_on(settings.polish - descent.iterations)
        evidence = None if descent.fits else _certified(descent, (seed, escapes), settings)
        if evidence is None or escapes == settings.escapes or not _escaped(descent, evidence):
            break
        escapes += 1
    return Polish(
        iterations=descent.iterations,
        escapes=escapes,
        accuracy=descent.point.accuracy,
        fits=descent.fits,
        loss=descent.point.loss,
        gradient_norm=descent.gradient_norm,
        seconds=perf_counter() - started,
        judgement=evidence and evidence.judgement(),
    )


def _certified(descent: Descent, seed: object, settings: Settings) -> Evidence:
    wanted = settings.escapes > 0
    return certify_operator(
        descent.operator, plateau=None, seed=seed, settings=settings, escape=wanted
    )


def _escaped(descent: Descent, evidence: Evidence) -> bool:
    """Whether the descent was moved off a saddle, down its negative curvature."""
    if evidence.verdict is not Verdict.SADDLE or evidence.escape is None:
        return False
    best = _lowest(descent.operator, evidence.escape)
    if best[1].loss >= descent.point.loss:
        return False
    descent.move(*best)
    return True


def _lowest(operator: Operator, direction: np.ndarray) -> tuple[Operator, FirstOrder]:
    """The point of the lowest loss on a line, among steps of both signs and several lengths."""
    scale = max(float(np.linalg.norm(operator.parameters)), 1.0)
    steps = scale * np.concatenate([_LENGTHS, -_LENGTHS])
    points = (operator.at(operator.parameters + step * direction) for step in steps)
    tried = [(point, point.first_order()) for point in points]
    return min(tried, key=lambda one: one[1].loss)
