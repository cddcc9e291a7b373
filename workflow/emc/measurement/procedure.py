"""A cell's procedure in the engine's terms."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from emc.engine.plugin_optimizer import Made, Maker
from emc.engine.procedure import Procedure, Update
from emc.errors import EmcError
from emc.nets.build import Factory, as_known, in_form, net
from emc.nets.traced_module import TracedModule
from emc.study.architectures import PluginArchitecture
from emc.study.cell import Cell
from emc.study.labels import label_classes
from emc.study.optimizers import Optimizer, PluginOptimizer

if TYPE_CHECKING:
    from torch import nn


def procedure(cell: Cell, shape: tuple[int, ...], own_classes: int) -> Procedure:
    """How every probe of the cell is trained on a data set of this shape and classes.

    Raises:
        EmcError: the net does not take such inputs, or its parameterisation does not suit it,
            where only the prepared data set could tell; or a plug-in's nets cannot be trained.
    """
    classes = label_classes(cell.labels, own_classes)
    if reason := cell.unsuitable(shape, classes):
        raise EmcError(reason)
    if isinstance(cell.architecture, PluginArchitecture):
        cell.architecture.parameters(shape, classes)  # tries nets of the plug-in
    full = net(cell.architecture, cell.activation, cell.initialisation, shape, classes)
    trained = in_form(full, cell.parameterisation, cell.initialisation)
    module: Callable[[], nn.Module] | None = None if isinstance(trained, tuple) else trained
    if isinstance(trained, Factory) and as_known(trained) is None:
        module = _looked_at(trained, shape, classes)
    return Procedure(
        classes=classes,
        update=update(cell.optimizer),
        layers=trained if isinstance(trained, tuple) else None,
        module=module,
        initialisation=cell.initialisation,
        loss=cell.loss.name,
        label_smoothing=cell.loss.label_smoothing,
        batch=cell.batch.size,
        order=cell.batch.order,
        schedule=cell.schedule.name,
        warmup=cell.schedule.warmup,
        epochs=cell.budget.epochs,
        steps=cell.budget.steps,
        criterion=cell.criterion,
        gradient_tolerance=cell.stopping.gradient,
        plateau_tolerance=cell.stopping.plateau,
    )


def _looked_at(
    made: "Callable[[], nn.Module]", shape: tuple[int, ...], classes: int
) -> TracedModule:
    from emc.nets.recognise import recognised

    return recognised(made, shape, classes)


def update(optimizer: Optimizer) -> Update:
    """The engine's optimizer of a study's entry."""
    if isinstance(optimizer, PluginOptimizer):
        return Update(optimizer.name, Made(make=Maker(optimizer)))
    return Update(**optimizer.model_dump(exclude={"lr"}))
