"""What a back end is asked to do, and what it answers: no torch here."""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from emc.engine.optimizer import Optimizer
from emc.engine.optimizers import known
from emc.errors import EmcError
from emc.nets.layers import Layers
from emc.records import Run
from emc.study.optimizers import default_constants, takes_full_batches
from emc.study.training import Batch, Loss, Schedule, Stopping

if TYPE_CHECKING:
    from torch import nn

_BATCH: Final = Batch()
_LOSS: Final = Loss()
_SCHEDULE: Final = Schedule()
_STOPPING: Final = Stopping()


@dataclass(frozen=True, slots=True, init=False)
class Update:
    """An optimizer by its name and constants; the learning rate belongs to the replica."""

    name: str
    optimizer: Optimizer
    full_batch: bool
    """Whether its steps see all samples, whatever batches the procedure has."""

    def __init__(self, name: str, plugin: Optimizer | None = None, **constants: Any) -> None:
        """Take constants of the optimizer, or a `plugin`'s that the engine does not know by name.

        A constant that is not given is a study's default.

        Raises:
            EmcError: the engine does not know the optimizer, or the optimizer no such constant.
        """
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "optimizer", plugin or _optimizer(name, constants))
        object.__setattr__(self, "full_batch", plugin is None and takes_full_batches(name))


def _optimizer(name: str, constants: dict[str, Any]) -> Optimizer:
    kind = known(name)
    allowed = [each.name for each in fields(kind)]
    for constant in constants:
        if constant not in allowed:
            raise EmcError(
                f"optimizer {name!r}: expected constants among {', '.join(allowed)}, found"
                f" {constant!r}"
            )
    return kind(**default_constants(name) | constants)


@dataclass(frozen=True, slots=True)
class Procedure:
    """How every replica of a call is trained.

    A net is given as `layers` or, where it has none, as a `module` factory that is called
    with torch's generator seeded by the replica. `batch` is None for full-batch steps; an optimizer
    that takes no others makes it None. The budget is in epochs or in steps; `warmup` is the
    fraction of it over which the rate rises from zero. What a study can ask for has a study's
    defaults, the budget none.
    """

    classes: int
    update: Update
    layers: Layers | None = None
    module: "Callable[[], nn.Module] | None" = None
    initialisation: str = "scaled-normal"
    loss: str = _LOSS.name
    label_smoothing: float = _LOSS.label_smoothing
    batch: int | None = _BATCH.size
    order: str = _BATCH.order
    schedule: str = _SCHEDULE.name
    warmup: float = _SCHEDULE.warmup
    epochs: int | None = None
    steps: int | None = None
    criterion: float = 1.0
    gradient_tolerance: float = _STOPPING.gradient
    plateau_tolerance: float = _STOPPING.plateau

    def __post_init__(self) -> None:
        """Steps of a full-batch optimizer see all samples."""
        if self.update.full_batch:
            object.__setattr__(self, "batch", None)

    @property
    def optimizer(self) -> Optimizer:
        """How it steps."""
        return self.update.optimizer

    @property
    def net(self) -> "Layers | Callable[[], nn.Module]":
        """The layers, or else the factory."""
        if self.layers is not None:
            return self.layers
        assert self.module is not None
        return self.module


@dataclass(frozen=True, slots=True)
class Replica:
    """One probe to train: sample i is `inputs[rows[i]]` with class `labels[i]`.

    `inputs` is float32 [N, *shape], C-contiguous and possibly shared between replicas; `rows` is
    int64 [n] into it; `labels` int64 [n]. Initial weights and batch order come from `seed`.
    """

    inputs: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    seed: int
    lr: float

    @property
    def n(self) -> int:
        """Number of training samples."""
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedRun(Run):
    """How a replica's training went, with its arrays.

    `epoch_losses` [epochs] holds the mean loss that the batches of each epoch had before their
    updates, `parameters` the end point, float32 by name.
    """

    epoch_losses: np.ndarray = field(repr=False)
    parameters: dict[str, np.ndarray] = field(repr=False)

    @classmethod
    def of(
        cls, run: Run, epoch_losses: np.ndarray, parameters: dict[str, np.ndarray]
    ) -> "TrainedRun":
        """The numbers of a run, with its arrays."""
        numbers = {each.name: getattr(run, each.name) for each in fields(Run)}
        return cls(**numbers, epoch_losses=epoch_losses, parameters=parameters)

    @property
    def numbers(self) -> Run:
        """The same without its arrays."""
        return Run(**{each.name: getattr(self, each.name) for each in fields(Run)})
