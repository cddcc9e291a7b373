"""What a study asks of the certificates of its minima."""

from typing import Annotated

from pydantic import Field

from emc.study.strict import Count, Fraction, Positive, Strict


class CertificateSettings(Strict):
    """What a certificate of a minimum demands."""

    eps: Positive = 1e-3
    """No eigenvalue may lie below -eps times the largest."""
    delta: Annotated[Fraction, Field(gt=0, lt=1)] = 1e-2
    """Probability with which the bound behind a Lanczos certificate may miss."""
    gradient: Positive = 1e-3
    """Largest norm of the full-batch mean gradient."""
    plateau: Positive = 1e-3
    """Largest relative variation of the epoch losses over the last ten epochs."""
    iterations: Count = 2000
    """Most Lanczos iterations; a certificate that needs more is `inconclusive`."""
