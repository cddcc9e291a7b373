"""One probe: a fresh net trained on n freshly drawn samples, and finished where it did not fit."""

from dataclasses import dataclass
from typing import Final

from emc.records.column import column, part
from emc.records.finish import Finish
from emc.records.outcome import Ended, Outcome
from emc.records.run import Run

_ENDED: Final = {
    Ended.FIT: Outcome.FIT,
    Ended.DIVERGED: Outcome.DIVERGED,
    Ended.STATIONARY: Outcome.OPEN,
    Ended.BUDGET: Outcome.OPEN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One probe: its place in the search, its run, and its finish where there was one.

    `outcome` follows from the two: a run that neither fitted nor diverged is open unless its
    finish decided it.
    """

    cell: str = column("cell")
    round: int = column("round of the search, from 0")
    replica: int = column("place in the round, from 0")
    seed: int = column("seed of samples, labels, weights and order")
    n: int = column("training samples")
    lr: float = column("learning rate")
    outcome: Outcome = column("fit, finished, minimum, open or diverged", init=False)
    device: str = column("kind of device")
    card: str | None = column("model of the GPU; empty on the processor", default=None)
    run: Run = part()
    finish: Finish | None = part("finish_", default=None)

    @property
    def seconds(self) -> float:
        """Wall time of training and finish."""
        return self.run.seconds + (self.finish.seconds if self.finish else 0.0)

    def __post_init__(self) -> None:
        """Derive the outcome."""
        found = _ENDED[self.run.ended] if self.finish is None else self.finish.outcome
        object.__setattr__(self, "outcome", found)
