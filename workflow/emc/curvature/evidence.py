"""What was found at an end point, and the verdict that follows."""

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from emc.curvature.spectrum import Spectrum
from emc.records import Certificate, Judgement, Outcome


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Evidence(Judgement):
    """A judgement with what led to it.

    `eigenvalues` are all of them where `exact`; otherwise the quadrature of one Lanczos run, whose
    shares scatter by about sqrt(2 / P) of themselves. `escape` is the unit direction [P] of the
    most negative curvature, turned so that the loss does not rise along it to first order: there
    for a saddle, if it was asked for.
    """

    eigenvalues: Spectrum = field(repr=False)
    escape: np.ndarray | None = field(default=None, repr=False)

    def judgement(self) -> Judgement:
        """The judgement alone."""
        return Judgement(**self._judged())

    def certificate(
        self,
        *,
        cell: str,
        number: int,
        replica: int,
        outcome: Outcome,
    ) -> Certificate:
        """The row of the probe `replica` of round `number` of a cell, which ended here."""
        spectrum = self.eigenvalues.merged()
        return Certificate(
            cell=cell,
            round=number,
            replica=replica,
            outcome=outcome,
            spectrum_values=tuple(spectrum.values.tolist()),
            spectrum_shares=tuple(spectrum.shares.tolist()),
            **self._judged(),
        )

    def _judged(self) -> dict[str, Any]:
        return {each.name: getattr(self, each.name) for each in fields(Judgement)}

    def __str__(self) -> str:
        """The verdict and its reason."""
        return f"{self.verdict}: {self.reason}"
