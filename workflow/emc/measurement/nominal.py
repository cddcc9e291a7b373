"""What cells take where no net was timed: by counted operations, for finished cells to correct."""

from collections.abc import Iterable
from math import prod
from typing import Final

from emc.engine.persistent.layout import BlockNet
from emc.measurement.counted import on_processor
from emc.measurement.expectation import ExpectedCost, cost_at
from emc.measurement.kinds import REMEMBERED, known_to_kernels, of_kernels, work
from emc.nets.build import as_known, net
from emc.nets.layers import layers_of
from emc.nets.transformer import Transformer
from emc.records import Pace
from emc.study import Cell, PlannedCell
from emc.study.architectures import Cnn, Linear, Mlp, MlpMixer, ResNet, Vit
from emc.study.parameterisation import Full

_FINISHING: Final = 1.5
"""Times a step of training that a pass of a finish, in float64, takes per sample, about."""
_FINISHING_ENCODERS: Final = 3.0
"""The same of vision transformers (3 to 9, the more the smaller, on one processor)."""
_GRAPH_STEP: Final = 1.5e-10
"""Seconds per sample, step, parameter and pass over it of nets that kernels train as graphs:
ResNets and mixers of 3,000 to 180,000 parameters took 1.2 to 1.6 e-10 on one processor."""
_STAGES: Final = 16
"""Times that an image's pixels outnumber the places that a ResNet's parameters see, about."""
_NORMS: Final = 2.5
"""Times that a convolutional net takes longer with norms over groups (1.5 to 3.4)."""
_PASSING: Final = 3e-5
_PROCESS: Final = 0.6
"""Seconds until a process trains on the processor."""
_TORCH: Final = 2.5
"""Seconds that one takes to load torch, too."""
_TORCH_STEP: Final = 5e-9
"""Seconds per sample, step and parameter of nets that torch trains side by side, about."""
_TORCH_PASS: Final = 3e-4
_MEGABYTES: Final = 90.0
"""Memory of a process that trains by kernels, about."""
_TORCH_MEGABYTES: Final = 600.0


def counted_pace(cell: Cell, known: BlockNet) -> Pace:
    """The pace of a net that kernels train on one core of the processor, never timed.

    The first weights of a vision transformer are torch's, which its process loads.
    """
    training, encoders = on_processor(known), isinstance(known, Transformer)
    finishing = training * (_FINISHING_ENCODERS if encoders else _FINISHING)
    return Pace(
        parameters=cell.parameters,
        work=work(cell),
        training=training,
        gradients=1.0,
        finishing=finishing if cell.finish.iterations else 0.0,
        passing=_PASSING if cell.finish.iterations else 0.0,
        starting=_PROCESS + (_TORCH if encoders else 0.0),
        megabytes=(_TORCH_MEGABYTES if encoders else _MEGABYTES) + REMEMBERED * cell.parameters,
    )


def nominal_costs(cells: Iterable[PlannedCell]) -> dict[str, ExpectedCost]:
    """By id, what each cell takes whose data are known, on no machine in particular."""
    return {one.id: cost_at(one.cell, _nominal(one.cell)) for one in cells if one.cell.known}


def _nominal(cell: Cell) -> Pace:
    known = _net_of_kernels(cell)
    if known is not None:
        return counted_pace(cell, known)
    by_graph = _by_graph(cell)
    training = _TORCH_STEP * cell.parameters if by_graph is None else by_graph
    return Pace(
        parameters=cell.parameters,
        work=work(cell),
        training=training,
        gradients=1.0,
        finishing=_FINISHING * training,
        passing=_TORCH_PASS,
        starting=_PROCESS + _TORCH,
        megabytes=_TORCH_MEGABYTES + REMEMBERED * cell.parameters,
    )


def _net_of_kernels(cell: Cell) -> BlockNet | None:
    """What is known of a net that kernels train, as far as one need not try; None of others."""
    own, activation = cell.architecture, cell.activation
    if isinstance(own, Linear | Mlp | Cnn) and of_kernels(cell):
        assert isinstance(activation, str)
        return layers_of(own, activation, cell.shape, cell.classes)
    whole = isinstance(cell.parameterisation, Full) and known_to_kernels(cell)
    if not isinstance(own, Vit) or not whole:
        return None
    known = as_known(net(own, activation, cell.initialisation, cell.shape, cell.classes))
    assert isinstance(known, Transformer)
    return known


def _by_graph(cell: Cell) -> float | None:
    """Seconds per sample and step of a net that kernels train as a graph, or None.

    Norms over a batch and EfficientNets are left to torch.
    """
    if not (isinstance(cell.parameterisation, Full) and known_to_kernels(cell)):
        return None
    pixels = prod(cell.shape[1:])
    match cell.architecture:
        case MlpMixer(patch=patch):
            return _GRAPH_STEP * cell.parameters * pixels / patch**2
        case ResNet(normalisation="group", stem="small"):
            return _GRAPH_STEP * cell.parameters * pixels / _STAGES
        case Cnn(normalisation="group") as own:
            plain = layers_of(own, "identity", cell.shape, cell.classes)
            return _NORMS * on_processor(plain)
        case _:
            return None
