"""Why a stage of a cell has no result."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Failure:
    """A fault of the cell itself, which would come again: it stands until somebody clears it.

    `stage` is the job that failed, by the name of its rule; `outputs` are the files that the job
    left empty in the cell's folder, so that what comes after it could run.
    """

    cell: str
    stage: str
    reason: str
    outputs: tuple[str, ...]
