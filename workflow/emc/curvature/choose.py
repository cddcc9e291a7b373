"""Which operator differentiates a net on the processor."""

import logging
from collections.abc import Mapping
from functools import cache

import numpy as np

from emc.curvature.native import NativeOperator, refusal
from emc.curvature.objective import Objective
from emc.curvature.written.operator import WrittenOperator
from emc.native.objective import build, kernel_name
from emc.native.unavailable import UnavailableError
from emc.nets.layers import Layers
from emc.nets.traced_module import KnownNet

log = logging.getLogger(__name__)


def choose_operator(
    net: Layers,
    parameters: Mapping[str, np.ndarray],
    inputs: np.ndarray,
    labels: np.ndarray,
    objective: Objective,
    *,
    precision: str = "float64",
    threads: int = 1,
) -> NativeOperator | WrittenOperator:
    """The objective of a layered net in compiled kernels where these can, otherwise in numpy.

    Why the kernels cannot is logged, as `kernels_can` says.

    Raises:
        EmcError: parameters that do not belong to the net or are not finite, or labels that are
            not classes of it.
    """
    written = WrittenOperator(
        net, parameters, inputs, labels, objective, precision=precision, threads=threads
    )
    if not kernels_can(net, inputs.shape, precision):
        return written
    return NativeOperator(net, written, inputs, labels, precision=precision, threads=threads)


def kernels_can(net: KnownNet, shape: tuple[int, ...], precision: str) -> bool:
    """Whether compiled kernels can evaluate a net on inputs of `shape` [n, *shape].

    Why not is logged: as a warning, once, where this machine cannot build them.
    """
    if reason := refusal(net, shape, precision):
        log.info("the native kernels do not differentiate this net: %s", reason)
        return False
    return _available(kernel_name(net), precision)


@cache
def _available(name: str, precision: str) -> bool:
    try:
        build(name, precision)
    except UnavailableError as error:
        log.warning("the native kernels are not used to differentiate nets: %s", error)
        return False
    return True
