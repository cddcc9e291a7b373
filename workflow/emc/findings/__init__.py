"""What a study's numbers say: matched cells, effects with intervals, claims with verdicts.

Knows which cells may be compared, the tests, and the sentences that state a result.
Must not know how a cell is measured, or how a result is drawn or laid out.
"""

from emc.findings.claim import Claim, asked
from emc.findings.contrast import Contrast, contrast
from emc.findings.effects import Effect, effects
from emc.findings.factors import FACTORS, SIZE
from emc.findings.judge import ClaimVerdict, Finding, judge
from emc.findings.matching import matched
from emc.findings.naming import differences, in_words
from emc.findings.predictor import Prediction, label_gap_association, predictions
from emc.findings.scaling import Exponent, exponents
from emc.findings.write import write_findings

__all__ = [
    "FACTORS",
    "SIZE",
    "Claim",
    "ClaimVerdict",
    "Contrast",
    "Effect",
    "Exponent",
    "Finding",
    "Prediction",
    "asked",
    "contrast",
    "differences",
    "effects",
    "exponents",
    "in_words",
    "judge",
    "label_gap_association",
    "matched",
    "predictions",
    "write_findings",
]
