"""The answer of `emc.measure`."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import polars as pl

from emc.records import Estimate, Outcome, Probe
from emc.store.columns import PROBES
from emc.store.rows import probe_row
from emc.store.tables import frame

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True, repr=False)
class Measurement:
    """How many samples a net fits, and every probe behind the number.

    `cut_short_by` says what ended the measurement before its search was done, if anything did;
    `remarks` what else a reader should know.
    """

    estimate: Estimate
    records: tuple[Probe, ...]
    cut_short_by: str | None = None
    remarks: tuple[str, ...] = ()

    @property
    def emc50(self) -> float | None:
        """The n that is fitted at minima with probability one half; None where none is decided."""
        return self.estimate.emc50

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The 95 % interval of emc50, None in place of an end that is not known."""
        return self.estimate.low, self.estimate.high

    @property
    def emc50_budget(self) -> float:
        """The n that is fitted within the budget with probability one half."""
        return self.estimate.emc50_budget

    @property
    def interval_budget(self) -> tuple[float | None, float | None]:
        """The 95 % interval of emc50_budget, None in place of an end that is not known."""
        return self.estimate.low_budget, self.estimate.high_budget

    @property
    def probes(self) -> pl.DataFrame:
        """All training runs, one row each, with the columns of the table `probes`."""
        return frame(PROBES, map(probe_row, self.records))

    def plot(self) -> "alt.LayerChart | alt.FacetChart":
        """The fitted curve, its interval and the probes at the best learning rate.

        Where emc50 is a lower bound, there is a triangle at it and no curve.
        """
        import altair as alt

        from emc.figures.fit_by_n import fit_layers
        from emc.figures.frames import finite

        answer = pl.DataFrame([{"kind": "answer", **asdict(self.estimate)}]).drop("rates", "probes")
        if self.estimate.saturated:
            answer = answer.drop("width")
        probes = self.probes.filter(pl.col("lr") == self.estimate.best_lr)
        rows = probes.select("n", "lr", "outcome", "accuracy", kind=pl.lit("probe"))
        data = finite(pl.concat([answer, rows], how="diagonal"))
        return alt.layer(*fit_layers(), data=data).properties(width=420, height=220)

    def __repr__(self) -> str:
        """What is printed, too: a notebook shows an answer by this."""
        return str(self)

    def __str__(self) -> str:
        """Both numbers with what they rest on, and what makes them doubtful, one line each."""
        found = self.estimate
        outcomes = Counter(probe.outcome for probe in self.records)
        counts = ", ".join(f"{outcomes[one]} {one}" for one in Outcome if outcomes[one])
        basis = f"{found.parameters} parameters, learning rate {found.best_lr:g}, probes: {counts}"
        if found.native_refused:
            basis += f"; trained by {found.back_end}: {found.native_refused}"
        doubts = [*found.doubts, *self._wide, *self.remarks]
        if self.cut_short_by is not None:
            doubts.insert(0, f"cut short by {self.cut_short_by}")
        return "\n".join((f"{found.told} ({basis})", *(f"  {doubt}" for doubt in doubts)))

    @property
    def _wide(self) -> Iterator[str]:
        """That the interval is wider than asked for, where there is one of a number."""
        found = self.estimate
        if not (found.tolerance_reached or found.saturated or found.below_smallest):
            asked = f"half width {found.tolerance:g} of the number"
            yield f"the interval is wider than the tolerance asked for, {asked}"
