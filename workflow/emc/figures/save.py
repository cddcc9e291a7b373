"""Figures as files: HTML that opens offline, the Vega-Lite JSON, SVG and PNG."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

import altair as alt
import vl_convert

from emc.figures.figure import Chart, Figure
from emc.figures.registry import FIGURES
from emc.figures.template import rendered
from emc.figures.theme import config
from emc.store.atomic import write_bytes_atomically, write_text_atomically
from emc.warehouse import Warehouse

_VEGA_LITE: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
_PNG_SCALE: Final = 2.0


def specification(chart: Chart) -> dict[str, Any]:
    """A chart as Vega-Lite, with its data however many rows and without a look of its own."""
    with alt.data_transformers.enable("default", consolidate_datasets=True, max_rows=None):
        made: dict[str, Any] = chart.to_dict()
    del made["config"]
    return made


def still(spec: dict[str, Any]) -> dict[str, Any]:
    """A specification for a picture: without what answers to a pointer or a screen reader.

    Of ten thousand points Vega would otherwise write as many labels and tooltips, which cost more
    than to place the points.
    """
    kept = {name: part if name == "datasets" else _still(part) for name, part in spec.items()}
    return kept | {"config": {**spec["config"], "aria": False}}


def _still(part: Any) -> Any:
    if isinstance(part, list):
        return [_still(one) for one in part]
    if not isinstance(part, dict):
        return part
    if "param" in part.get("condition", ()):  # what holds while nothing is selected
        chosen = {key: one for key, one in part["condition"].items() if key != "param"}
        return _still(chosen)
    return {key: _still(one) for key, one in part.items() if key not in {"tooltip", "params"}}


@cache
def vega_bundle() -> str:
    """Vega, Vega-Lite and vega-embed as one script that defines `vegaEmbed` (900 kB)."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=_VEGA_LITE)


def script_json(value: object) -> str:
    """JSON that may stand inside a script element of HTML."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def save(chart: Chart, folder: Path, name: str, title: str) -> None:
    """Write `name`.html, .json, .svg and .png into a folder."""
    spec = specification(chart) | {"title": title, "config": config()}
    text = json.dumps(spec, allow_nan=False)
    write_text_atomically(folder / f"{name}.json", text + "\n")
    write_text_atomically(folder / f"{name}.html", _page(spec, title))
    svg = vl_convert.vegalite_to_svg(json.dumps(still(spec)), vl_version=_VEGA_LITE)
    write_text_atomically(folder / f"{name}.svg", svg)
    png = vl_convert.svg_to_png(svg, scale=_PNG_SCALE)
    write_bytes_atomically(folder / f"{name}.png", png)


def draw_all(warehouse: Warehouse, folder: Path) -> None:
    """Write every figure that the study has something to show in, and `figures.md`.

    That file lists all figures with their captions; for one that is not there it says what to run.
    """
    entries = [_entry(figure, warehouse, folder) for figure in FIGURES]
    write_text_atomically(folder / "figures.md", "# Figures\n\n" + "\n".join(entries))


def _entry(figure: Figure, warehouse: Warehouse, folder: Path) -> str:
    lacking = figure.lacking(warehouse)
    if lacking:
        return f"## {figure.title}\n\nNot drawn. {lacking}\n"
    chart = figure.draw(warehouse)
    save(chart, folder, figure.name, figure.title)
    return f"## {figure.title}\n\n![{figure.title}]({figure.name}.svg)\n\n{chart.description}\n"


def _page(spec: dict[str, Any], title: str) -> str:
    return rendered(
        __package__,
        "figure.html",
        title=title,
        caption=spec["description"],
        bundle=vega_bundle(),
        spec=script_json(spec),
    )
