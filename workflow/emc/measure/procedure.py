"""A cell's procedure in the engine's terms."""

from emc.engine.procedure import Procedure, Update
from emc.nets.plan import plan
from emc.study.cell import Cell


def procedure(cell: Cell) -> Procedure:
    """How every probe of the cell is trained."""
    full_batch = cell.optimizer.name == "gd"
    return Procedure(
        classes=cell.classes,
        update=_update(cell),
        layers=plan(cell.architecture, cell.activation, cell.shape, cell.classes),
        initialisation=cell.initialisation,
        loss=cell.loss.name,
        label_smoothing=cell.loss.label_smoothing,
        batch=None if full_batch else cell.batch.size,
        order=cell.batch.order,
        schedule=cell.schedule.name,
        warmup=cell.schedule.warmup,
        epochs=cell.budget.epochs,
        steps=cell.budget.steps,
        criterion=cell.criterion,
        gradient_tolerance=cell.stopping.gradient,
        plateau_tolerance=cell.stopping.plateau,
    )


def _update(cell: Cell) -> Update:
    constants = cell.optimizer.model_dump(exclude={"lr"})
    return Update(**constants)
