"""The plan of a study as rows of the table `cells`."""

from typing import Any

from emc.study import PlannedCell
from emc.study.factors import levels


def plan_row(planned: PlannedCell) -> dict[str, Any]:
    """A planned cell as a row: its keys spread over columns, and its definition whole."""
    return {
        "cell": planned.id,
        "sections": list(planned.sections),
        **levels(planned.cell),
        "definition": planned.definition,
    }
