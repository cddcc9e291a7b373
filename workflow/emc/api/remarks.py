"""What else is said of a number that `emc.measure` gives."""

from collections.abc import Iterator

from emc.api.optimizer import Chosen
from emc.data.conflicts import Conflicts
from emc.records import Estimate


def remarks_of(
    chosen: Chosen, conflicts: Conflicts | None, criterion: float, found: Estimate
) -> tuple[str, ...]:
    """What a reader should know of an estimate that is no fault of it, one line each."""
    return tuple(_remarks(chosen, conflicts, criterion, found))


def _remarks(
    chosen: Chosen, conflicts: Conflicts | None, criterion: float, found: Estimate
) -> Iterator[str]:
    if chosen.decay_apart and found.emc50 is not None:
        yield chosen.decay_apart
    number = found.emc50_budget if found.emc50 is None else found.emc50
    if conflicts and (bounding := conflicts.bounding(number, criterion)):
        yield bounding
