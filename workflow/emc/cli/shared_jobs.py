"""What forecasts do not know of jobs that train several cells at once."""

from collections.abc import Mapping

from emc.jobs.cards import CELLS_PER_JOB, cells_per_job


def told_of_shared_jobs(environment: Mapping[str, str]) -> str:
    """Where such jobs are asked for: of what they differ from what is foretold; else nothing.

    Raises:
        MachineError: the environment says wrongly how many cells a job may train.
    """
    cells = cells_per_job(environment)
    if cells == 1:
        return ""
    return (
        f"{CELLS_PER_JOB}={cells}: time and memory are foretold, here and to a cluster, of jobs"
        f" that train one cell each; a job on a card that trains up to {cells} holds the memory of"
        " all of them, and may last longer than its own cell takes alone"
    )
