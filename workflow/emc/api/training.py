"""How `emc.measure` trains: the engine's procedure, from arguments as in a study file."""

from collections.abc import Callable, Mapping
from numbers import Integral, Real
from typing import Any

from torch import nn

from emc.api.entries import entry_of
from emc.api.optimizer import Chosen
from emc.engine import Procedure
from emc.errors import EmcError, shown
from emc.study.training import DEFAULT_STEPS, MOST_STEPS, Batch, LossChoice, ScheduleChoice


def training(
    model: Callable[[], nn.Module],
    classes: int,
    chosen: Chosen,
    *,
    loss: Any,
    schedule: Any,
    batch: Any,
    steps: Any,
    epochs: Any,
    criterion: Any,
) -> Procedure:
    """How every probe is trained; the arguments are those of `emc.measure`.

    Raises:
        EmcError: an argument is not as described there.
    """
    minimised = entry_of("loss", LossChoice, loss)
    rate = entry_of("schedule", ScheduleChoice, schedule)
    size = batch if isinstance(batch, Mapping) else {"size": whole("batch", batch, 1)}
    cut = entry_of("batch", Batch, size)
    longest, passes = _budget(steps, epochs)
    return Procedure(
        classes=classes,
        update=chosen.update,
        module=model,
        loss=minimised.name,
        label_smoothing=minimised.label_smoothing,
        batch=cut.size,
        order=cut.order,
        schedule=rate.name,
        warmup=rate.warmup,
        steps=longest,
        epochs=passes,
        criterion=share("criterion", criterion, one=True),
    )


def whole(name: str, value: Any, least: int, most: int = 2**63 - 1) -> int:
    """The number that an option gives, numpy's too.

    Raises:
        EmcError: it is no whole number from `least` to `most`.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise EmcError(f"{name}: expected a whole number from {least}, found {shown(value)}")
    if (number := int(value)) > most:
        raise EmcError(f"{name}: expected at most {most:,}, found {shown(value)}")
    return number


def share(name: str, value: Any, *, one: bool) -> float:
    """A number above 0 and below 1, or 1 itself where it may be `one`.

    Raises:
        EmcError: it is something else.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not (0 < float(value) < 1 or (one and value == 1)):
        wanted = "above 0 and up to 1" if one else "between 0 and 1"
        raise EmcError(f"{name}: expected a number {wanted}, found {shown(value)}")
    return float(value)


def _budget(steps: Any, epochs: Any) -> tuple[int | None, int | None]:
    """Steps or epochs, the other None."""
    if steps is not None and epochs is not None:
        raise EmcError("steps, epochs: expected one of the two, found both")
    if epochs is not None:
        return None, whole("epochs", epochs, 1, MOST_STEPS)
    return whole("steps", DEFAULT_STEPS if steps is None else steps, 1, MOST_STEPS), None
