"""The plan of a study as rows of the table `cells`."""

from typing import Any

from emc.study import Cell, PlannedCell
from emc.study.training import activation_name


def plan_row(planned: PlannedCell) -> dict[str, Any]:
    """A planned cell as a row: its keys spread over columns, and its definition whole."""
    cell = planned.cell
    return {
        "cell": planned.id,
        "sections": list(planned.sections),
        **_source(cell),
        **_net(cell),
        **_training(cell),
        "criterion": cell.criterion,
        "method": cell.search.method,
        "seed": cell.seed,
        "definition": planned.definition,
    }


def _source(cell: Cell) -> dict[str, Any]:
    known = cell.dataset.facts
    return {
        "dataset": cell.dataset.name,
        "labels": cell.labels.name,
        "label_noise": getattr(cell.labels, "fraction", None),
        "classes": cell.classes if known else None,
        "samples": known.samples if known else None,
    }


def _net(cell: Cell) -> dict[str, Any]:
    return {
        "architecture": cell.architecture.name,
        "width": getattr(cell.architecture, "width", None),
        "depth": getattr(cell.architecture, "depth", None),
        "parameters": cell.parameters if cell.dataset.facts else None,
        "activation": activation_name(cell.activation),
        "initialisation": cell.initialisation,
    }


def _training(cell: Cell) -> dict[str, Any]:
    full_batch = cell.optimizer.name == "gd"
    return {
        "optimizer": cell.optimizer.name,
        "rates": list(cell.optimizer.lr),
        "momentum": getattr(cell.optimizer, "momentum", None),
        "weight_decay": getattr(cell.optimizer, "weight_decay", 0.0),
        "schedule": cell.schedule.name,
        "batch": None if full_batch else cell.batch.size,
        "batch_order": "full" if full_batch else cell.batch.order,
        "loss": cell.loss.name,
        "label_smoothing": cell.loss.label_smoothing,
        "budget_epochs": cell.budget.epochs,
        "budget_steps": cell.budget.steps,
    }
