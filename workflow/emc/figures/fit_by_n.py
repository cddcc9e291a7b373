"""Probability of a fit against n: the fitted curve of some cells and the probes behind it."""

import json
from typing import Any, Final

import altair as alt
import polars as pl

from emc.figures.encodings import log_x, one_sided, outcome_colour, panels
from emc.figures.figure import Chart, Figure, cells_with_transition
from emc.figures.frames import finite, spread
from emc.figures.theme import NEUTRAL
from emc.records import Outcome
from emc.warehouse import Warehouse

SHOWN: Final = 9
_OPEN: Final = 0.25
_HEIGHTS: Final = {
    outcome.value: _OPEN if outcome.fits_at_minimum is None else float(outcome.fits_at_minimum)
    for outcome in Outcome
}
"""Where a probe's tick stands: an open one neither at the top nor at the bottom."""

_CELLS: Final = """
SELECT 'answer' AS kind, cell, emc50, low, high, transition_width AS width,
  concat_ws(', ', labels, architecture || ' ' || parameters, optimizer, activation, 'seed ' || seed)
    AS panel
FROM emc
WHERE status = 'measured' AND NOT saturated AND NOT below_smallest AND isfinite(emc50)
  AND transition_width > 1
ORDER BY labels, architecture, optimizer, activation, parameters, seed, cell
"""

_PROBES: Final = """
SELECT cell, n, lr, outcome, accuracy, 'probe' AS kind
FROM probes SEMI JOIN estimates ON estimates.cell = probes.cell AND estimates.best_lr = probes.lr
WHERE list_contains($cells, cell) ORDER BY cell, round, replica
"""


def draw(warehouse: Warehouse) -> Chart:
    """A panel per cell, for a few cells spread over the study."""
    cells = spread(warehouse.sql(_CELLS), SHOWN)
    probes = warehouse.sql(_PROBES, cells=cells["cell"].to_list())
    panel = cells.select("cell", "panel")
    rows = pl.concat([cells, probes.join(panel, on="cell")], how="diagonal")
    caption = (
        f"{len(cells):,} of {warehouse.count('estimates'):,} cells, spread evenly over"
        f" the study, with their {len(probes):,} probes at the best learning rate: ticks at the"
        " top fit at their minima, those at the bottom do not, those between are open. The curve"
        " is logistic in log n with the recorded EMC and width; the bar is the 95 % interval of"
        " EMC at minima."
    )
    layers = fit_layers()
    return panels(layers, finite(rows), "panel", caption, columns=3, height=120, own_x=True)


def fit_layers() -> list[Any]:
    """Layers over rows of two kinds: one `answer` (emc50, low, high, width) and `probe`s.

    An answer without `high` and `width` is a lower bound, which a triangle points away from. The
    bar of its interval ends at emc50 on the side whose end is not known.

    The curve is logistic in log n; since `width` is the n fitted with probability 0.1 over the n
    fitted with 0.9, n = emc50 width^u is fitted with probability 1 / (1 + 81^u).
    """
    share = alt.Y(
        "share:Q",
        title="probability of a fit at minima",
        scale=alt.Scale(domain=[-0.08, 1.08]),
        axis=alt.Axis(values=[0, 0.5, 1]),
    )
    base = alt.Chart().encode(x=log_x("n", "samples n"), y=share)
    answer = base.transform_filter("datum.kind === 'answer' && isValid(datum.emc50)")
    middle = answer.transform_calculate(share="0.5")
    interval = (
        one_sided(middle)
        .mark_rule(strokeWidth=4, opacity=0.8, color=NEUTRAL)
        .encode(x=log_x("low", "samples n"), x2="high:Q")
    )
    bound = (
        middle.transform_filter("!isValid(datum.high) && !isValid(datum.width)")
        .mark_point(shape="triangle-right", size=90, strokeWidth=1.6, color=NEUTRAL)
        .encode(x=log_x("emc50", "samples n"))
    )
    probes = (
        base.transform_filter("datum.kind === 'probe'")
        .transform_calculate(share=f"{json.dumps(_HEIGHTS)}[datum.outcome]")
        .mark_tick(size=16, opacity=0.7)
        .encode(color=outcome_colour(), tooltip=probe_tooltip())
    )
    return [_curve(answer), interval, bound, probes]


def _curve(answer: alt.Chart) -> alt.Chart:
    """As `fit_layers` says, of an answer that has a width."""
    made: alt.Chart = (
        answer.transform_filter("datum.width > 1")
        .transform_calculate(u="sequence(-1.5, 1.5001, 0.075)")
        .transform_flatten(["u"])
        .transform_calculate(
            n="datum.emc50 * pow(datum.width, datum.u)", share="1 / (1 + pow(81, datum.u))"
        )
        .mark_line(color=NEUTRAL)
    )
    return made


def probe_tooltip() -> list[Any]:
    """What a reader sees at a probe's mark."""
    return [
        "outcome:N",
        alt.Tooltip("n:Q", format=","),
        alt.Tooltip("accuracy:Q", format=".4~f"),
        alt.Tooltip("lr:Q", title="learning rate"),
    ]


FIGURE: Final = Figure(
    "fit-by-n", "Probability of a fit at minima against n", (cells_with_transition,), draw
)
