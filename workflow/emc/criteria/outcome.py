"""From a run's final numbers to its outcome."""

from emc.criteria.accuracy import SLACK
from emc.records import Outcome


def outcome(*, finite: bool, accuracy: float, criterion: float, stationary: bool) -> Outcome:
    """How a run ended, from its end point.

    `finite` says whether every epoch loss and weight was; `accuracy` is over all n samples, and
    reaching `criterion` counts even where the run is also `stationary` (the first-order tests).
    """
    if not finite:
        return Outcome.DIVERGED
    if accuracy >= criterion - SLACK:
        return Outcome.FIT
    return Outcome.STUCK if stationary else Outcome.CENSORED
