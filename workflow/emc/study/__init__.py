"""A study file, checked and expanded to cells with content-addressed ids.

Knows the keys a study may have, what fits together, and which cells it asks for.
Must not know torch, where results lie, or how anything is measured.
"""

from emc.study.cell import Cell
from emc.study.expand import PlannedCell
from emc.study.identity import cell_id
from emc.study.load import StudyPlan, load, load_file
from emc.study.models import Study

__all__ = ["Cell", "PlannedCell", "Study", "StudyPlan", "cell_id", "load", "load_file"]
