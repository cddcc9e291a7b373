"""Where to place probes, and what their outcomes say of emc50: pure numbers.

Knows the psychometric curve, the posterior of emc50, and the search methods of the literature.
Must not know how a probe is trained, where its samples come from, or any file.
"""

from emc.search.bayes import MOST_AT_ONCE, rounds_of
from emc.search.limits import ExpectedCapacity
from emc.search.methods import make
from emc.search.trials import Answer, Method, Request, Trial

__all__ = [
    "MOST_AT_ONCE",
    "Answer",
    "ExpectedCapacity",
    "Method",
    "Request",
    "Trial",
    "make",
    "rounds_of",
]
