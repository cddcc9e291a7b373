"""How every figure looks: colours that colour-blind readers tell apart, and Vega-Lite's config."""

from typing import Any, Final

INK: Final = "#1f2328"
WHITE: Final = "#ffffff"

NEUTRAL: Final = "#8a8a8a"

COLOURS: Final = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#8c2d19",
    "#00594c",
    "#5f33b0",
)
"""Okabe and Ito (2008) without yellow and black, which one of light and dark paper swallows, and
three more, at least as far from all others to colour-blind readers (CIELAB, after Machado et al.
2009) as those are from one another."""

OUTCOME_COLOURS: Final = {
    "fit": "#0072b2",
    "finished": "#56b4e9",
    "minimum": "#d55e00",
    "open": "#e69f00",
    "diverged": NEUTRAL,
}

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


_BELOW_EACH_OTHER: Final = (
    "{offset: 18, bottom: {offset: 18, anchor: 'start', direction: 'vertical', margin: 14}}"
)


def config(ink: str = INK, background: str | None = WHITE) -> dict[str, Any]:
    """Vega-Lite's `config`; `ink` colours all text and lines that carry no data."""
    text = {"labelColor": ink, "titleColor": ink, "titleFontWeight": 600}
    return {
        "background": background,
        "font": FONT,
        "view": {"stroke": None, "continuousWidth": 520, "continuousHeight": 300},
        "range": {"category": list(COLOURS)},
        "axis": {
            **text,
            "domainColor": ink,
            "domainOpacity": 0.5,
            "tickColor": ink,
            "tickOpacity": 0.5,
            "gridColor": ink,
            "gridOpacity": 0.12,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titlePadding": 8,
            "labelFlush": False,
        },
        "axisXDiscrete": {"labelAngle": 0},
        "legend": {
            **text,
            "orient": "bottom",
            "labelFontSize": 12,
            "titleFontSize": 12,
            "symbolSize": 90,
            "symbolStrokeWidth": 2,
            "layout": {"expr": _BELOW_EACH_OTHER},
        },
        "header": {**text, "labelFontSize": 12, "labelFontWeight": 600, "titleFontSize": 12},
        "title": {
            "anchor": "start",
            "color": ink,
            "subtitleColor": ink,
            "fontSize": 15,
            "subtitleFontSize": 12,
            "offset": 12,
        },
        "mark": {"color": COLOURS[0]},
        "rule": {"color": ink},
        "text": {"color": ink},
        "tick": {"thickness": 1.5},
    }
