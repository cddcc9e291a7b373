"""Charts of one cell, as templates over named data that the page fills for the cell in view."""

from typing import Any

import altair as alt

from emc.figures.encodings import log_x, log_y, outcome_colour
from emc.figures.figure import Chart
from emc.figures.fit_by_n import fit_layers, probe_tooltip
from emc.figures.theme import NEUTRAL


def cell_charts() -> dict[str, Chart]:
    """Charts by name over the data sets `probes`, `rates` and `losses`.

    `probes` has rows as `fit_layers` wants them, `rates` those of the table `rates`, `losses` the
    columns probe, n, outcome, epoch and loss.
    """
    return {"fit": _fit(), "accuracy": _accuracy(), "rates": _rates(), "losses": _losses()}


def _layered(layers: list[Any], data: str, title: str) -> Chart:
    return alt.layer(*layers, data=alt.NamedData(data)).properties(
        width=400, height=210, title=title
    )


def _fit() -> Chart:
    return _layered(fit_layers(), "probes", "Does a net fit n samples?")


def _accuracy() -> Chart:
    base = alt.Chart().encode(x=log_x("n", "samples n"))
    at_emc = (
        base.transform_filter("datum.kind === 'answer' && isValid(datum.emc50)")
        .mark_rule(strokeDash=[5, 4], color=NEUTRAL)
        .encode(x=log_x("emc50", "samples n"))
    )
    points = (
        base.transform_filter("datum.kind === 'probe'")
        .mark_point(filled=True, size=32, opacity=0.65)
        .encode(
            y=alt.Y("accuracy:Q", title="training accuracy", scale=alt.Scale(zero=False)),
            color=outcome_colour(),
            tooltip=probe_tooltip(),
        )
    )
    return _layered([at_emc, points], "probes", "How well does it do at each n?")


def _rates() -> Chart:
    samples = "samples fitted (EMC)"
    base = alt.Chart().encode(x=log_x("lr", "learning rate", "~g"))
    intervals = base.mark_rule(strokeWidth=1.4).encode(y=log_y("low", samples), y2="high:Q")
    points = base.mark_line(point=alt.OverlayMarkDef(size=45)).encode(
        y=log_y("emc50", samples),
        tooltip=[
            alt.Tooltip("lr:Q", title="learning rate"),
            alt.Tooltip("emc50:Q", title="EMC", format=",.4~r"),
            alt.Tooltip("low:Q", title="95 % from", format=",.4~r"),
            alt.Tooltip("high:Q", title="95 % to", format=",.4~r"),
            alt.Tooltip("probes:Q"),
        ],
    )
    return _layered([intervals, points], "rates", "EMC at each learning rate")


def _losses() -> Chart:
    lines = (
        alt.Chart()
        .mark_line(point=alt.OverlayMarkDef(size=14), strokeWidth=1.4)
        .encode(
            x=log_x("epoch", "epoch"),
            y=log_y("loss", "training loss (nats)", "~g"),
            detail="probe:N",
            color=outcome_colour(),
            tooltip=["outcome:N", alt.Tooltip("n:Q", format=","), "epoch:Q", "loss:Q"],
        )
    )
    return _layered([lines], "losses", "Training loss of some probes")
