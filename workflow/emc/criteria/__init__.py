"""When a run has fitted, and when it has converged: the first-order tests on plain numbers.

Knows the accuracy thresholds, the plateau of the epoch losses, the gradient tolerance and how they
make an outcome. Must not know nets, optimizers or torch: back ends and certificate bring numbers.
"""

from emc.criteria.accuracy import correct_needed
from emc.criteria.outcome import outcome
from emc.criteria.plateau import WINDOW, is_plateau, plateau
from emc.criteria.stationarity import is_stationary

__all__ = ["WINDOW", "correct_needed", "is_plateau", "is_stationary", "outcome", "plateau"]
