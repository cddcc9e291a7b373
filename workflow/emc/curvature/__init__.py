"""Curvature: Hessian products, both ends of the spectrum, and the certificate of a minimum.

Knows the objective at an end point, Lanczos and its probabilistic bound, and the verdicts.
Must not know how the end point was reached, or files. Layered nets are differentiated by compiled
kernels, in numpy where these cannot (`emc.curvature.choose`); torch is loaded for anyone's modules
only (`emc.curvature.autograd`).
"""

from emc.curvature.certificate import certify_operator
from emc.curvature.endpoint import EndPoint, certify_end_points
from emc.curvature.evidence import Evidence
from emc.curvature.objective import Objective
from emc.curvature.spectrum import Spectrum
from emc.curvature.tolerances import CertificateTolerances
from emc.curvature.written.operator import WrittenOperator

__all__ = [
    "CertificateTolerances",
    "EndPoint",
    "Evidence",
    "Objective",
    "Spectrum",
    "WrittenOperator",
    "certify_end_points",
    "certify_operator",
]
