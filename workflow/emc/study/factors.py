"""What tells the cells of a study apart: its factors and the level that each cell has."""

from typing import Any, Final

from emc.study.activation import activation_name
from emc.study.cell import Cell
from emc.study.datasets import dataset_name

COMPARABLE: Final = (
    "architecture",
    "optimizer",
    "activation",
    "initialisation",
    "labels",
    "dataset",
    "depth",
    "parameterisation",
    "weight_decay",
    "momentum",
    "label_smoothing",
    "loss",
    "schedule",
    "batch",
    "batch_order",
)
"""Factors whose levels a claim may compare; `levels` has others that it may fix."""


def levels(cell: Cell) -> dict[str, Any]:
    """The level of every factor of a cell; None where it has none or it is not known yet."""
    return {
        **_source(cell),
        **_net(cell),
        **_training(cell),
        "criterion": cell.criterion,
        "method": cell.search.method,
        "seed": cell.seed,
    }


def _source(cell: Cell) -> dict[str, Any]:
    known = cell.known
    return {
        "dataset": dataset_name(cell.dataset),
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
        "parameters": cell.parameters if cell.known else None,
        "parameterisation": cell.parameterisation.name,
        "trainable": cell.trainable if cell.known else None,
        "bits": cell.bits if cell.known else None,
        "activation": activation_name(cell.activation),
        "initialisation": cell.initialisation,
    }


def _training(cell: Cell) -> dict[str, Any]:
    full_batch = cell.optimizer.full_batch
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
