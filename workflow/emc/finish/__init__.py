"""The finish of a run that did not fit: a descent to a fit or a minimum, and its first-order test.

Knows quasi-Newton and Newton steps over and along kinks, and what tells a minimum from a kink, a
saddle, a flat region or a channel to infinity.
Must not know how the point was reached, torch, or files.
"""

from emc.finish.finish import Finished, finish
from emc.finish.settings import FinishSettings

__all__ = ["FinishSettings", "Finished", "finish"]
