"""The answer of `emc.measure`."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from emc.records import Estimate, Outcome, Probe, told_end
from emc.store.columns import PROBES
from emc.store.rows import probe_row
from emc.store.tables import frame

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Measurement:
    """How many samples a net fits, and every probe behind the number."""

    estimate: Estimate
    records: tuple[Probe, ...] = field(repr=False)

    @property
    def emc50(self) -> float | None:
        """The n that is fitted at minima with probability one half; None where none is decided."""
        return self.estimate.emc50

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """The 95 % interval of emc50, None in place of an end that is not known."""
        return self.estimate.low, self.estimate.high

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

    def __str__(self) -> str:
        """One sentence."""
        low, high = self.interval
        interval, bound = f" [{told_end(low, 4)}, {told_end(high, 4)}]", ""
        if self.estimate.saturated:
            interval, bound = "", ", a lower bound: the data ended first"
        fits = sum(probe.outcome is Outcome.FIT for probe in self.records)
        return (
            f"EMC {'open' if self.emc50 is None else f'{self.emc50:.4g}'}{interval} samples with"
            f" {self.estimate.parameters} parameters ({fits} of {len(self.records)} probes"
            f" fitted, learning rate {self.estimate.best_lr:g}){bound}"
        )
