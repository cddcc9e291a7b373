"""Charts of one cell, as templates over named data that the page fills for the cell in view."""

from typing import Any, Final

import altair as alt

from emc.figures.encodings import (
    INTERVAL,
    interval_bars,
    log_x,
    log_y,
    outcome_colour,
    signed_axis,
    with_interval,
)
from emc.figures.figure import Chart
from emc.figures.fit_by_n import fit_layers, probe_tooltip
from emc.figures.theme import NEUTRAL

_ABOVE: Final = alt.Legend(orient="top", title=None)
"""Two legends side by side are wider than the charts of a cell."""


def cell_charts() -> dict[str, Chart]:
    """Charts by name over data sets, each with a row per probe, rate, or certified end point.

    `probes` and, of them, those `at_best_rate`, are rows as `fit_layers` wants them, `rates` those
    of the table `rates`; the others have the columns n and outcome, and: `losses` probe, epoch and
    loss; `spectra` value and share; `ratios` loss, verdict, ratio and known (eigenvalue or upper
    bound); `ends` loss, gradient and verdict.
    """
    return {
        "fit": _fit(),
        "accuracy": _accuracy(),
        "rates": _rates(),
        "losses": _losses(),
        "spectrum": _spectrum(),
        "curvature": _curvature(),
        "ends": _ends(),
    }


def _layered(layers: list[Any], data: str, title: str) -> Chart:
    return alt.layer(*layers, data=alt.NamedData(data)).properties(
        width=400, height=210, title=title
    )


def _fit() -> Chart:
    title = "Does a net fit n samples at its minima, at the best learning rate?"
    return _layered(fit_layers(), "at_best_rate", title)


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
    return _layered([at_emc, points], "probes", "How well does it do at each n, at all rates?")


def _rates() -> Chart:
    samples = "samples fitted (EMC)"
    base = alt.Chart().encode(x=log_x("lr", "learning rate", "~g"))
    intervals = interval_bars(base, samples, strokeWidth=1.4)
    answers = base.encode(y=log_y("emc50", samples))
    tooltip = [
        alt.Tooltip("lr:Q", title="learning rate"),
        alt.Tooltip("emc50:Q", title="EMC", format=",.4~r"),
        INTERVAL,
        alt.Tooltip("probes:Q"),
    ]
    told = with_interval(answers)
    lower, upper = "datum.low === datum.emc50", "datum.high === datum.emc50"
    exact = told.transform_filter(f"!({lower}) && !({upper})").mark_point(filled=True, size=45)
    bounds = [
        told.transform_filter(bound).mark_point(shape=f"triangle-{way}", size=75, strokeWidth=1.6)
        for bound, way in ((lower, "up"), (upper, "down"))
    ]
    points = [layer.encode(tooltip=tooltip) for layer in (exact, *bounds)]
    layers = [intervals, answers.mark_line(), *points]
    return _layered(layers, "rates", "EMC at each learning rate")


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


def _spectrum() -> Chart:
    lines = (
        alt.Chart()
        .mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=1)
        .encode(
            x=alt.X("value:Q", title="eigenvalue of the loss Hessian", **signed_axis(1e-3)),
            y=log_y("share", "share of all eigenvalues", ".0e"),
            detail="n:N",
            color=outcome_colour(),
            tooltip=[
                "outcome:N",
                alt.Tooltip("n:Q", format=","),
                alt.Tooltip("value:Q", title="eigenvalue", format=".3~g"),
                alt.Tooltip("share:Q", format=".2~e"),
            ],
        )
    )
    return _layered([lines], "spectra", "Eigenvalues of a fit and of an unfitted probe")


def _curvature() -> Chart:
    ratio = alt.Y("ratio:Q", title="smallest / largest eigenvalue", **signed_axis(1e-4))
    told = alt.Tooltip("ratio:Q", title="smallest / largest", format=".2~e")
    known = alt.Scale(domain=["eigenvalue", "upper bound"], range=["circle", "triangle-down"])
    points = _end_points(ratio, told).encode(shape=alt.Shape("known:N", legend=_ABOVE, scale=known))
    return _layered([points], "ratios", "How far does the Hessian bend down?")


def _ends() -> Chart:
    told = alt.Tooltip("gradient:Q", title="gradient norm", format=".2~e")
    points = _end_points(log_y("gradient", "gradient norm", "~g"), told)
    return _layered([points], "ends", "Gradient at the end points")


def _end_points(y: alt.Y, told: alt.Tooltip) -> alt.Chart:
    """A point for each certified end point, by its loss; `told` says y as one points at it."""
    tooltip = [
        "verdict:N",
        "outcome:N",
        alt.Tooltip("n:Q", format=","),
        alt.Tooltip("loss:Q", format=".3~g"),
        told,
    ]
    loss = log_x("loss", "training loss (nats)", "~g")
    marks = alt.Chart().mark_point(size=60, strokeWidth=1.6)
    made: alt.Chart = marks.encode(x=loss, y=y, color=outcome_colour(), tooltip=tooltip)
    return made
