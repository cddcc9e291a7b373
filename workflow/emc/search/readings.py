"""What trials at one learning rate say of emc50, read in each way that open trials allow."""

from collections.abc import Iterable
from copy import deepcopy
from math import inf
from typing import Final

from emc.search.betting import Bets
from emc.search.limits import Limits
from emc.search.posterior import Posterior
from emc.search.trials import Aim, Trial

ODD: Final = 0.1
"""With less probability of a smooth transition, one curve does not describe the trials."""


class Reading:
    """Posterior and bets after trials that are decided, weighed in their order."""

    def __init__(self, limits: Limits) -> None:
        """Before any trial."""
        self.posterior = Posterior(limits)
        self.bets = Bets()

    def add(self, n: int, fit: bool) -> None:
        """Weigh one more trial; the bet is made before its outcome is weighed."""
        self.bets.add(n, fit, self.posterior.add(n, fit))

    @property
    def misfit(self) -> str | None:
        """Why one smooth curve that crosses one half once does not describe the trials."""
        if not self.bets.crosses_once:
            return "the probability of a fit crosses one half more than once"
        median = self.posterior.transition().median
        low, high = self.bets.ends
        if median < (low or 0.0) or median > (high or inf):
            return "bets are won against the fitted curve's emc50"
        if self.posterior.smooth < ODD:
            return "some runs fit far beyond emc50, or fail far below it"
        return None


class Readings:
    """Two readings of the same trials: open ones are unfitted, or are left out."""

    def __init__(self, limits: Limits, aim: Aim, trials: Iterable[Trial] = ()) -> None:
        """After `trials` at one learning rate, in their order."""
        self.aim = aim
        self.trials: list[Trial] = []
        self.lower = Reading(limits)
        self.upper = self.lower
        for trial in trials:
            self.add(trial)

    def add(self, trial: Trial) -> None:
        """Weigh one more trial."""
        self.trials.append(trial)
        fit = trial.fits(self.aim)
        if fit is None and self.upper is self.lower:
            self.upper = deepcopy(self.lower)
        self.lower.add(trial.n, bool(fit))
        if fit is not None and self.upper is not self.lower:
            self.upper.add(trial.n, fit)

    @property
    def distinct(self) -> tuple[Reading, ...]:
        """The readings that differ."""
        return (self.lower,) if self.upper is self.lower else (self.lower, self.upper)
