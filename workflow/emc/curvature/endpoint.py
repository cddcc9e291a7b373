"""End points of training runs, and their certificates."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from emc.curvature.bound import iterations
from emc.curvature.certificate import certify_operator, certify_operators
from emc.curvature.choose import choose_operator, kernels_can
from emc.curvature.evidence import Evidence
from emc.curvature.native import NativeOperator
from emc.curvature.objective import Objective
from emc.curvature.process import one_by_one
from emc.curvature.tolerances import DEFAULT, CertificateTolerances
from emc.curvature.written.operator import WrittenOperator
from emc.nets.build import as_known, untraced
from emc.nets.graph import Graph
from emc.nets.layers import Layers
from emc.nets.traced_module import KnownNet, TracedModule

if TYPE_CHECKING:
    from torch import nn

    from emc.curvature.autograd import AutogradOperator

BASES_BYTES: Final = 1 << 28
"""Krylov bases that may be held at once, unless one alone is larger."""


@dataclass(frozen=True, slots=True, eq=False)
class EndPoint:
    """Where a run of a net ended: `parameters` by name on `inputs` [n, *shape], `labels` [n].

    `constants` are frozen parameters and buffers by name that are not as the net's factory makes
    them. `plateau` is the relative variation of the run's last epoch losses, None where the end
    point is not the run's; the random start of Lanczos comes from `seed`.
    """

    parameters: Mapping[str, np.ndarray] = field(repr=False)
    inputs: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    plateau: float | None
    seed: int
    constants: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)


def certify_end_points(
    net: "Layers | Callable[[], nn.Module]",
    end_points: Sequence[EndPoint],
    objective: Objective,
    *,
    tolerances: CertificateTolerances = DEFAULT,
    device: str = "cpu",
    threads: int = 1,
) -> list[Evidence]:
    """Certify end points of one net, given as layers or as a factory of modules.

    A net that compiled kernels can differentiate is differentiated on the processor, whatever the
    `device`, and shares out its samples between `threads`; so is any other layered net, by numpy.
    Torch differentiates anything else on `device`, all end points side by side.
    Answers do not depend on which end points are certified together.

    Raises:
        EndPointError: an end point does not belong to the net or is not finite.
        EmcError: labels that are not classes of the net, or a module without second derivatives.
    """
    net, end_points = _untraced(net, end_points)
    if callable(net):
        return _of_modules(net, end_points, objective, tolerances, device=device, threads=threads)
    return [
        certify_operator(
            _of_layers(net, end, objective, tolerances, threads),
            plateau=end.plateau,
            seed=end.seed,
            tolerances=tolerances,
        )
        for end in end_points
    ]


def operator_at(
    net: "Layers | Callable[[], nn.Module]",
    end: EndPoint,
    objective: Objective,
    *,
    device: str = "cpu",
) -> "NativeOperator | WrittenOperator | AutogradOperator":
    """The objective of a net at an end point: of a layered net on the processor, else on `device`.

    Raises:
        EndPointError: the end point does not belong to the net or is not finite.
    """
    net, (end,) = _untraced(net, [end])
    if not callable(net):
        return _of_layers(net, end, objective, DEFAULT, threads=1)
    examine = _examiner(net, objective, DEFAULT, threads=1)
    return examine(end, _differentiated(net(), end, objective, DEFAULT, device))


def _of_modules(
    net: "Callable[[], nn.Module]",
    end_points: Sequence[EndPoint],
    objective: Objective,
    tolerances: CertificateTolerances,
    *,
    device: str,
    threads: int,
) -> list[Evidence]:
    """As many side by side as memory holds."""
    if not end_points:
        return []
    size = _group_size(end_points[0], tolerances)
    groups = [end_points[start : start + size] for start in range(0, len(end_points), size)]
    examine = _examiner(net, objective, tolerances, threads)
    module = net()
    return [
        evidence
        for group in groups
        for evidence in _side_by_side(
            group,
            [_differentiated(module, end, objective, tolerances, device) for end in group],
            examine,
            tolerances,
        )
    ]


def _untraced(
    net: "Layers | Callable[[], nn.Module]", ends: Sequence[EndPoint]
) -> "tuple[Layers | Callable[[], nn.Module], Sequence[EndPoint]]":
    """What a traced module computes, with end points whose parameters have the names of that.

    A net with batch norms stays the module that it is: torch differentiates it.
    """
    if not isinstance(net, TracedModule) or net.net is None or _has_batch_norms(net.net):
        return net, ends
    known, names = untraced(net)
    return known, [
        replace(end, parameters={names.get(own, own): at for own, at in end.parameters.items()})
        for end in ends
    ]


def _has_batch_norms(net: KnownNet) -> bool:
    return isinstance(net, Graph) and bool(net.batch_norms)


def _of_layers(
    net: Layers,
    end: EndPoint,
    objective: Objective,
    tolerances: CertificateTolerances,
    threads: int,
) -> NativeOperator | WrittenOperator:
    return choose_operator(
        net,
        end.parameters,
        end.inputs,
        end.labels,
        objective,
        precision=tolerances.precision,
        threads=threads,
    )


def _differentiated(
    module: "nn.Module",
    end: EndPoint,
    objective: Objective,
    tolerances: CertificateTolerances,
    device: str,
) -> "AutogradOperator":
    from emc.curvature.autograd import AutogradOperator

    return AutogradOperator(
        module,
        {**end.constants, **end.parameters},
        end.inputs,
        end.labels,
        objective,
        precision=tolerances.precision,
        device=device,
    )


_Examine = Callable[[EndPoint, "AutogradOperator"], "NativeOperator | AutogradOperator"]


def _examiner(
    net: "Callable[[], nn.Module]",
    objective: Objective,
    tolerances: CertificateTolerances,
    threads: int,
) -> _Examine:
    """From torch's operator at an end point to the one that is asked: kernels' where they can."""
    sizes = as_known(net) if objective.is_named else None

    def examine(end: EndPoint, operator: "AutogradOperator") -> "NativeOperator | AutogradOperator":
        shape, precision = end.inputs.shape, tolerances.precision
        if sizes is None or end.constants or not kernels_can(sizes, shape, precision):
            return operator
        return NativeOperator(
            sizes, operator, end.inputs, end.labels, precision=precision, threads=threads
        )

    return examine


def _side_by_side(
    ends: Sequence[EndPoint],
    operators: Sequence["AutogradOperator"],
    examine: _Examine,
    tolerances: CertificateTolerances,
) -> list[Evidence]:
    from emc.curvature.autograd import products_of
    from emc.curvature.modes import with_mode

    examined = [examine(*each) for each in zip(ends, operators, strict=True)]
    native = any(isinstance(each, NativeOperator) for each in examined)
    found = certify_operators(
        examined,
        one_by_one(examined) if native else products_of(operators),
        plateaus=[end.plateau for end in ends],
        seeds=[end.seed for end in ends],
        tolerances=tolerances,
    )
    return [with_mode(*each) for each in zip(found, operators, strict=True)]


def _group_size(end: EndPoint, tolerances: CertificateTolerances) -> int:
    """How many end points' Krylov bases fit into memory side by side."""
    dimension = sum(np.size(value) for value in end.parameters.values())
    steps = iterations(tolerances.eps, dimension, tolerances.delta)
    return max(1, BASES_BYTES // (8 * dimension * steps))
