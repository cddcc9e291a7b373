"""The rows that flow between floors: outcomes, probes, estimates, certificates.

Knows the words of the measurement and their types.
Must not know torch, polars, files or how any number is computed.
"""

from emc.records.certificate import Certificate, Judgement, Polish, Verdict
from emc.records.estimate import Estimate, RateEstimate, told_end
from emc.records.failure import Failure
from emc.records.generalisation import Generalisation
from emc.records.law import Law
from emc.records.outcome import Outcome
from emc.records.probe import THRESHOLDS, Milestone, Probe

__all__ = [
    "THRESHOLDS",
    "Certificate",
    "Estimate",
    "Failure",
    "Generalisation",
    "Judgement",
    "Law",
    "Milestone",
    "Outcome",
    "Polish",
    "Probe",
    "RateEstimate",
    "Verdict",
    "told_end",
]
