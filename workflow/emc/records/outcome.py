"""How a training run ended, and what became of a probe."""

from enum import StrEnum


class Ended(StrEnum):
    """Why a training run was over."""

    FIT = "fit"
    STATIONARY = "stationary"
    BUDGET = "budget"
    DIVERGED = "diverged"


class Outcome(StrEnum):
    """The end of one probe, as the protocol names it."""

    FIT = "fit"
    FINISHED = "finished"
    MINIMUM = "minimum"
    OPEN = "open"
    DIVERGED = "diverged"

    @property
    def meaning(self) -> str:
        """One sentence for a reader of logs and pages."""
        return _MEANING[self]

    @property
    def fits_at_minimum(self) -> bool | None:
        """Whether the probe fits at its minimum; None where nothing decided that."""
        return _FITS_AT_MINIMUM[self]


_MEANING = {
    Outcome.FIT: "training accuracy reached the criterion within the budget",
    Outcome.FINISHED: "the budget ran out first; the finish reached the criterion",
    Outcome.MINIMUM: "the finish came to rest at a first-order minimum without fitting",
    Outcome.OPEN: "neither budget nor finish sufficed to tell: the probe may still fit",
    Outcome.DIVERGED: "the loss stopped being finite",
}

_FITS_AT_MINIMUM = {
    Outcome.FIT: True,
    Outcome.FINISHED: True,
    Outcome.MINIMUM: False,
    Outcome.OPEN: None,
    Outcome.DIVERGED: False,
}
