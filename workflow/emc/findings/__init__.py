"""What a study's numbers say: matched cells, effects with intervals, claims with verdicts.

Knows which cells may be compared, the tests, and the sentences that state a result.
Must not know how a cell is measured, or how a result is drawn or laid out.
"""

from emc.findings.effects import Effect, effect, effects
from emc.findings.matching import FACTORS, matched

__all__ = ["FACTORS", "Effect", "effect", "effects", "matched"]
