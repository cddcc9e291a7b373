"""The rows that flow between floors: outcomes, runs, probes, estimates, certificates.

Knows the words of the measurement, their types and what each column means.
Must not know torch, polars, files or how any number is computed.
"""

from emc.records.certificate import Certificate, Judgement, Verdict
from emc.records.estimate import UNDECIDED, Estimate, RateEstimate, told_end, told_number
from emc.records.failure import Failure
from emc.records.finish import Finish, FirstOrderTest
from emc.records.generalisation import Generalisation
from emc.records.law import Law
from emc.records.outcome import Ended, Outcome
from emc.records.pace import Pace
from emc.records.probe import Probe
from emc.records.run import THRESHOLDS, Milestone, Run

__all__ = [
    "THRESHOLDS",
    "UNDECIDED",
    "Certificate",
    "Ended",
    "Estimate",
    "Failure",
    "Finish",
    "FirstOrderTest",
    "Generalisation",
    "Judgement",
    "Law",
    "Milestone",
    "Outcome",
    "Pace",
    "Probe",
    "RateEstimate",
    "Run",
    "Verdict",
    "told_end",
    "told_number",
]
