"""Training accuracy against n, in units of each cell's EMC."""

from typing import Final

import altair as alt

from emc.figures.encodings import colour, legend_filter, panels
from emc.figures.figure import Chart, Figure, cells_with_transition
from emc.figures.frames import counted, finite
from emc.warehouse import Warehouse

_BINS_PER_DOUBLING: Final = 4

_QUERY: Final = f"""
SELECT c.architecture, c.labels,
  2 ** (round(log2(p.n / e.emc50) * {_BINS_PER_DOUBLING}) / {_BINS_PER_DOUBLING}) AS n_over_emc50,
  count(*) AS probes, count(DISTINCT p.cell) AS cells,
  avg(p.accuracy) AS mean, quantile_cont(p.accuracy, 0.1) AS low,
  quantile_cont(p.accuracy, 0.9) AS high
FROM probes AS p JOIN estimates AS e ON e.cell = p.cell AND e.best_lr = p.lr
JOIN cells AS c ON c.cell = p.cell
WHERE NOT e.saturated AND NOT e.below_smallest AND p.n BETWEEN e.emc50 / 8 AND e.emc50 * 8
GROUP BY ALL ORDER BY ALL
"""


def draw(warehouse: Warehouse) -> Chart:
    """One panel per labelling, one colour per architecture, one point per group of near n."""
    rows = finite(warehouse.sql(_QUERY))
    chosen, faded = legend_filter("architecture")
    base = alt.Chart().encode(
        x=alt.X(
            "n_over_emc50:Q",
            title="samples n / EMC at minima",
            scale=alt.Scale(type="log", base=2, nice=False, padding=12),
            axis=alt.Axis(format="~g", values=[2.0**k for k in range(-3, 4)]),
        ),
        color=colour(warehouse, rows, "architecture"),
        opacity=faded,
    )
    spread = base.mark_rule(strokeWidth=1).encode(y=_accuracy("low"), y2="high:Q")
    line = base.mark_line(strokeWidth=2, point=alt.OverlayMarkDef(size=36)).encode(
        y=_accuracy("mean"),
        tooltip=[
            "architecture:N",
            alt.Tooltip("n_over_emc50:Q", title="n / EMC", format=".3~r"),
            alt.Tooltip("mean:Q", title="mean accuracy", format=".4~f"),
            alt.Tooltip("probes:Q"),
            alt.Tooltip("cells:Q"),
        ],
    )
    caption = (
        f"{counted(int(rows['probes'].sum()), 'probe')} at their cell's best learning rate. Lines"
        " are means, bars span the 10th to the 90th percentile. Beyond 1 a net of this procedure"
        " more often fails to fit at its minima than not; the accuracy that training still reaches"
        " says by how much."
    )
    layers = [spread, line.add_params(chosen)]
    return panels(layers, rows, "labels", caption, height=240)


def _accuracy(field: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title="training accuracy", scale=alt.Scale(zero=False))


FIGURE: Final = Figure(
    "accuracy-by-n", "Training accuracy against n", (cells_with_transition,), draw
)
