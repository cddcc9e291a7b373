"""The memory and the run time that a job asks a cluster for."""

from math import ceil, exp, log
from typing import Final

from emc.store.resources import Resources
from emc.study import PlannedCell

UNKNOWN: Final = {"mem_mb": 4000, "runtime": 240}
"""Where no finished cell tells: megabytes, minutes."""
BESIDE: Final = {"mem_mb": 1000, "runtime": 10}
"""On top of what finished cells took: two nested Snakemakes, imports, and the minutes before the
time limit in which a job is asked to stop."""
LIMITS: Final = {"mem_mb": 1_000_000, "runtime": 10_080}
"""Where the user names none: a terabyte, a week."""
_UNITS: Final = {"mem_mb": 1.0, "runtime": 60.0}


def resources_of_job(
    resources: Resources | None, rule: str, resource: str, planned: PlannedCell, attempt: int
) -> int:
    """Minutes of `runtime` or megabytes of `mem_mb` for a try to run a rule on a cell.

    What hardly a finished cell would have exceeded, on top of what every job takes; for each
    further try as much again, and never beyond the limit.
    """
    limit = (resources.limits if resources else {}).get(resource, LIMITS[resource])
    law = resources.laws.get(rule, {}).get(resource) if resources else None
    if law is None or (rule == "measure" and _untold(resources, planned)):
        return min(UNKNOWN[resource] * attempt, limit)
    assert resources is not None
    most = law.log_most(_size(resources, rule, resource, planned)) - log(_UNITS[resource])
    within = exp(min(most, log(limit)))
    return min(ceil(BESIDE[resource] + within) * attempt, limit)


def _untold(resources: Resources | None, planned: PlannedCell) -> bool:
    """Whether something is expected of other cells, and could be of this one, but is not."""
    expected = resources.expected if resources else {}
    return bool(expected) and planned.cell.known is not None and planned.id not in expected


def _size(resources: Resources, rule: str, resource: str, planned: PlannedCell) -> float | None:
    """What the law of a rule's resource is a law of: the expected amount, or the parameters."""
    if rule == "measure" and resources.expected:
        return resources.expected.get(planned.id, {}).get(resource)
    return planned.cell.parameters if planned.cell.known else None
