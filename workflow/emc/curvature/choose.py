"""Which operator differentiates a plan on the processor."""

import logging
from collections.abc import Mapping
from functools import cache

import numpy as np

from emc.curvature.native import NativeOperator, refusal
from emc.curvature.objective import Objective
from emc.curvature.written.operator import WrittenOperator
from emc.native.objective import build
from emc.native.unavailable import UnavailableError
from emc.nets.plan import Plan

log = logging.getLogger(__name__)


def plan_operator(
    plan: Plan,
    parameters: Mapping[str, np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    *,
    precision: str = "float64",
    threads: int = 1,
) -> NativeOperator | WrittenOperator:
    """The objective of a plan in compiled kernels where these can, otherwise in numpy.

    Why the kernels cannot is logged: as a warning, once, where this machine lacks them.

    Raises:
        EmcError: parameters that do not belong to the plan or are not finite, or labels that are
            not classes of it.
    """
    reason = refusal(plan, inputs.shape, precision)
    if reason:
        log.info("a plan is differentiated in numpy, not by the native kernels: %s", reason)
    kind = NativeOperator if reason is None and _available(precision) else WrittenOperator
    return kind(plan, parameters, inputs, labels, objective, precision=precision, threads=threads)


@cache
def _available(precision: str) -> bool:
    try:
        build(precision)
    except UnavailableError as error:
        log.warning("plans are differentiated in numpy, not by the native kernels: %s", error)
        return False
    return True
