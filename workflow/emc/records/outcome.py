"""How a probe ended."""

from enum import StrEnum


class Outcome(StrEnum):
    """The end of one training run, as the protocol names it."""

    FIT = "fit"
    STUCK = "stuck"
    CENSORED = "censored"
    DIVERGED = "diverged"

    @property
    def meaning(self) -> str:
        """One sentence for a reader of logs and pages."""
        return _MEANING[self]


_MEANING = {
    Outcome.FIT: "training accuracy reached the criterion",
    Outcome.STUCK: "converged by the first-order tests without fitting",
    Outcome.CENSORED: "the budget ran out before the run either fitted or converged",
    Outcome.DIVERGED: "the loss stopped being finite",
}
