"""Figures as files, and charts as the renderer understands them."""

import json
import re
from html import unescape
from itertools import pairwise

import altair as alt
import polars as pl
import pytest
import vl_convert
from tests.synthetic import SETTINGS, factorial, write_study

from emc.figures import FIGURES, cell_charts, draw_all, figure, save, specification
from emc.figures.save import script_json, vega_bundle
from emc.warehouse import build, open_database


@pytest.fixture(scope="module")
def folder(warehouse, tmp_path_factory):
    made = tmp_path_factory.mktemp("figures")
    chart = figure("emc-by-parameters").draw(warehouse)
    save(chart, made, "emc-by-parameters", "EMC & <parameters>")
    return made


def test_four_formats_are_written(folder):
    assert sorted(path.suffix for path in folder.iterdir()) == [".html", ".json", ".png", ".svg"]
    assert (folder / "emc-by-parameters.png").read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in (folder / "emc-by-parameters.svg").read_text()


@pytest.mark.parametrize("name", ["emc-by-parameters", "emc-by-learning-rate", "cost-by-cell"])
def test_the_picture_is_that_of_the_specification(warehouse, tmp_path, name):
    save(figure(name).draw(warehouse), tmp_path, name, name)
    text = (tmp_path / f"{name}.json").read_text()
    picture = (tmp_path / f"{name}.png").read_bytes()
    assert picture == vl_convert.vegalite_to_png(text, vl_version="6.4", scale=2)


def test_a_picture_has_no_labels_of_its_points(folder):
    label = 'aria-roledescription="point"'
    text = (folder / "emc-by-parameters.json").read_text()
    assert label in vl_convert.vegalite_to_svg(text, vl_version="6.4")
    assert label not in (folder / "emc-by-parameters.svg").read_text()


def test_the_json_is_a_themed_specification(folder):
    spec = json.loads((folder / "emc-by-parameters.json").read_text())
    assert spec["title"] == "EMC & <parameters>"
    assert spec["config"]["background"] == "#ffffff"
    assert alt.Chart.from_dict(spec).to_dict(validate=True)


def test_the_html_needs_no_network(folder):
    text = (folder / "emc-by-parameters.html").read_text()
    assert vega_bundle() in text
    assert not re.findall(r"\b(?:src|href)=|@import|url\(", text.replace(vega_bundle(), ""))
    assert "EMC &amp; &lt;parameters&gt;" in text
    written = re.search(r'id="spec"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert written is not None
    spec = json.loads(written[1])
    assert spec == json.loads((folder / "emc-by-parameters.json").read_text())


def test_captions_survive_html(folder, warehouse):
    text = (folder / "emc-by-parameters.html").read_text()
    caption = figure("emc-by-parameters").draw(warehouse).description
    assert caption in unescape(text)


def test_script_json_cannot_close_its_element():
    text = script_json({"a": "</script><!--", "b": [1.5, None]})
    assert "<" not in text
    assert json.loads(text) == {"a": "</script><!--", "b": [1.5, None]}


def test_script_json_refuses_what_json_lacks():
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json(float("nan"))


def test_many_rows_are_no_error():
    data = pl.DataFrame({"x": range(20_000)})
    spec = specification(alt.Chart(data).mark_point().encode(x="x:Q"))
    (rows,) = spec["datasets"].values()
    assert len(rows) == 20_000


def test_draw_all_says_what_is_not_drawn(tmp_path):
    study = write_study(tmp_path / "results", factorial(seed=[0]), unmeasured=1)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        draw_all(opened, tmp_path / "figures")
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["figures.md"]
    text = (tmp_path / "figures" / "figures.md").read_text()
    assert text.count("\nNot drawn. ") == len(FIGURES)


def texts(group):
    """All items of the scene graph with their mark's type and role."""
    for mark in group.get("items", []):
        yield mark
        yield from texts(mark)


def points_of(spec, kind):
    """Pixel positions of the items of all marks of a type that draw data."""
    scene = vl_convert.vegalite_to_scenegraph(json.dumps(spec), vl_version="6.4")["scenegraph"]
    marks = [m for m in texts({"items": [scene]}) if m.get("marktype") == kind]
    return [m["items"] for m in marks if m.get("role") == "mark" and m["items"]]


def test_the_drawn_curve_is_the_fitted_one():
    probes = [
        {"kind": "answer", "emc50": 400, "low": 360, "high": 440, "width": 1.5},
        *(
            {"kind": "probe", "n": n, "outcome": "fit", "lr": 0.1, "accuracy": 1}
            for n in (250, 700)
        ),
    ]
    chart = cell_charts()["fit"]
    spec = specification(chart) | {"datasets": {"at_best_rate": probes}}
    (curve,) = points_of(spec, "line")
    ((interval,),) = points_of(spec, "rule")
    left, right = sorted((interval["x"], interval["x2"]))
    middle = curve[len(curve) // 2]
    assert middle["y"] == pytest.approx(interval["y"])
    assert left < middle["x"] < right
    # The n that is fitted with 0.1 is `width` times the one fitted with 0.9: on the logarithmic
    # axis that is as wide as log 1.5, and high over low as wide as log(440 / 360).
    height = {share: 210 * (1.08 - share) / 1.16 for share in (0.1, 0.9)}
    at = {
        share: next(
            a["x"] + (b["x"] - a["x"]) * (y - a["y"]) / (b["y"] - a["y"])
            for a, b in pairwise(curve)
            if a["y"] <= y <= b["y"]
        )
        for share, y in height.items()
    }
    wanted = (right - left) * 0.405465 / 0.200671
    assert at[0.1] - at[0.9] == pytest.approx(wanted, rel=0.02)


def test_lower_bounds_of_a_cell_are_triangles_without_bars():
    answer = {"kind": "answer", "emc50": 500, "low": 500, "high": None, "width": None}
    probe = {"kind": "probe", "n": 500, "outcome": "fit", "lr": 0.1, "accuracy": 1}
    tried = [
        {"lr": 0.1, "emc50": 500, "low": 500, "high": None, "probes": 5},
        {"lr": 0.2, "emc50": 300, "low": 200, "high": 400, "probes": 4},
    ]
    for name, rows, bars in (("fit", [answer, probe], 0), ("rates", tried, 1)):
        spec = specification(cell_charts()[name])
        (data,) = (
            layer_data
            for layer_data in ("at_best_rate", "rates")
            if layer_data in str(spec["data"])
        )
        drawn = spec | {"datasets": {data: rows}}
        shapes = [
            item["shape"]
            for items in points_of(drawn, "symbol")
            for item in items
            if "shape" in item
        ]
        assert sum(shape.startswith("triangle") for shape in shapes) == 1
        assert sum(map(len, points_of(drawn, "rule"))) == bars


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("accuracy", "probes"),
        ("rates", "rates"),
        ("losses", "losses"),
        ("spectrum", "spectra"),
        ("curvature", "ratios"),
        ("ends", "ends"),
    ],
)
def test_cell_charts_read_the_data_that_they_name(name, data):
    rows = {
        "probes": [
            {"kind": "answer", "emc50": 400, "low": 360, "high": 440, "width": None},
            {"kind": "probe", "n": 500, "outcome": "minimum", "lr": 0.1, "accuracy": 0.9},
        ],
        "rates": [{"lr": 0.1, "emc50": 400, "low": 360, "high": 440, "probes": 9}],
        "losses": [{"probe": 0, "n": 9, "outcome": "fit", "epoch": 1, "loss": 0.5}],
        "spectra": [{"n": 9, "outcome": "minimum", "value": -0.1, "share": 0.25}],
        "ratios": [
            {"n": 9, "outcome": "fit", "loss": 0.5, "verdict": "x", "known": known, "ratio": -1e-3}
            for known in ("eigenvalue", "upper bound")
        ],
        "ends": [
            {"n": 9, "outcome": "minimum", "verdict": "minimum", "loss": 0.5, "gradient": 0.1}
        ],
    }
    spec = specification(cell_charts()[name])
    assert f'"{data}"' in json.dumps(spec)
    svg = vl_convert.vegalite_to_svg(
        json.dumps(spec | {"datasets": {data: rows[data]}}), vl_version="6.4"
    )
    assert "NaN" not in svg
    assert 'aria-roledescription="point"' in svg
