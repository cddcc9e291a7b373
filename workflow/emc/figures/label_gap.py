"""The generalisation gap against the gap between EMC on original and on random labels."""

from typing import Final

import altair as alt

from emc.figures.encodings import colour, legend_filter, log_x
from emc.figures.figure import Chart, Figure, some
from emc.figures.frames import counted, finite
from emc.findings import Prediction, label_gap_association, predictions
from emc.warehouse import Warehouse

_QUERY: Final = """
SELECT original AS cell, random, architecture, parameters, optimizer, activation, ratio, seeds,
  test.gap AS generalisation_gap, test.low, test.high, label_gap.saturated,
  label_gap.below_smallest, label_gap.open_matters
FROM label_gap JOIN (
  SELECT cell, avg(gap) AS gap, min(gap) AS low, max(gap) AS high, count(*) AS seeds
  FROM generalisation WHERE isfinite(gap) GROUP BY cell) AS test ON test.cell = original
ORDER BY original, random
"""

_GAPS_KNOWN: Final = some(
    "FROM label_gap JOIN generalisation ON cell = original WHERE isfinite(generalisation.gap)",
    "No cell has both a label gap and a test accuracy: give a section"
    " `grid: {labels: [original, random]}` and ask for `generalisation` in the study.",
)
_INEXACT: Final = "datum.saturated || datum.below_smallest || datum.open_matters"
_SENTENCES: Final = 6
_TOOLTIP: Final = [
    alt.Tooltip("ratio:Q", title="label gap (ratio)", format=".3~r"),
    alt.Tooltip("generalisation_gap:Q", title="generalisation gap", format=".3~f"),
    alt.Tooltip("seeds:Q", title="runs on all data"),
    alt.Tooltip("parameters:Q", format=","),
    "architecture:N",
    "optimizer:N",
    "activation:N",
    alt.Tooltip("saturated:N", title="one EMC is a lower bound"),
    alt.Tooltip("below_smallest:N", title="one EMC is an upper bound"),
    alt.Tooltip("open_matters:N", title="open runs could move one EMC"),
    "cell:N",
]


def draw(warehouse: Warehouse) -> Chart:
    """One point per pair of cells, one colour per architecture, open where one is no exact EMC."""
    rows = finite(warehouse.sql(_QUERY))
    chosen, faded = legend_filter("architecture")
    base = alt.Chart(rows).encode(
        x=log_x("ratio", "EMC on original labels / EMC on random labels", "~g"),
        color=colour(warehouse, rows, "architecture"),
        opacity=faded,
    )
    ranges = base.mark_rule(strokeWidth=1).encode(y=_gap("low"), y2="high:Q")
    points = [
        base.transform_filter(condition)
        .mark_point(filled=filled, size=45)
        .encode(
            y=_gap("generalisation_gap"),
            tooltip=_TOOLTIP,
        )
        for condition, filled in (
            (_INEXACT, False),
            (f"!({_INEXACT})", True),
        )
    ]
    found = predictions(label_gap_association(warehouse))
    made: Chart = alt.layer(ranges, points[0], points[1].add_params(chosen)).properties(
        width=560,
        height=300,
        description=f"{counted(len(rows), 'pair')} of cells that differ in labels only; bars span"
        f" the runs on all data, open points have an EMC that is a bound or that open"
        f" runs could move. {_sentences(found)}",
    )
    return made


def _gap(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="training less test accuracy")


def _sentences(found: list[Prediction]) -> str:
    told = [_sentence(one) for one in found[:_SENTENCES]]
    return " ".join(told) or "Too few configurations for a correlation."


def _sentence(found: Prediction) -> str:
    pearson, kendall, partial = found.shown
    end = "; the prediction breaks down there" if found.breaks_down else ""
    return (
        f"{found.group}: Pearson {pearson}, Kendall {kendall}, Pearson at equal size {partial},"
        f" {found.configurations} configurations{end}."
    )


FIGURE: Final = Figure("label-gap", "Label gap against generalisation gap", (_GAPS_KNOWN,), draw)
