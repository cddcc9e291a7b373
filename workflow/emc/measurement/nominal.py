"""What cells take where no net was timed: by counted operations, for finished cells to correct."""

from collections.abc import Iterable
from typing import Final

from emc.engine.persistent.layout import BlockNet
from emc.measurement.counted import on_processor
from emc.measurement.expectation import ExpectedCost, cost_at
from emc.measurement.kinds import REMEMBERED, of_kernels, of_layers, work
from emc.nets.layers import layers_of
from emc.records import Pace
from emc.study import Cell, PlannedCell
from emc.study.architectures import Cnn, Linear, Mlp

_FINISHING: Final = 1.5
"""Times a step of training that a pass of a finish, in float64, takes per sample, about."""
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


def counted_pace(cell: Cell, net: BlockNet) -> Pace:
    """The pace of a net that kernels train on one core of the processor, never timed."""
    training = on_processor(net)
    return Pace(
        parameters=cell.parameters,
        work=work(cell),
        training=training,
        gradients=1.0,
        finishing=_FINISHING * training if cell.finish.iterations else 0.0,
        passing=_PASSING if cell.finish.iterations else 0.0,
        starting=_PROCESS,
        megabytes=_MEGABYTES + REMEMBERED * cell.parameters,
    )


def nominal_costs(cells: Iterable[PlannedCell]) -> dict[str, ExpectedCost]:
    """By id, what each cell takes whose data are known, on no machine in particular."""
    return {one.id: cost_at(one.cell, _nominal(one.cell)) for one in cells if one.cell.known}


def _nominal(cell: Cell) -> Pace:
    net, activation = cell.architecture, cell.activation
    if of_layers(cell) and of_kernels(cell):
        assert isinstance(net, Linear | Mlp | Cnn)
        assert isinstance(activation, str)
        return counted_pace(cell, layers_of(net, activation, cell.shape, cell.classes))
    training = _TORCH_STEP * cell.parameters
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
