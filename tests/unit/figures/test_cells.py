"""Figures with one mark per cell: EMC against sizes, factors and numbers, bits, cost."""

import json
import math
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert
from tests.synthetic import SETTINGS, edit_document, factorial, write_study
from tests.unit.figures.reading import drawn, marks, rows

from emc.figures import emc_by_factor, figure
from emc.figures.encodings import panels
from emc.warehouse import build, open_database


@pytest.mark.parametrize("name", ["emc-by-parameters", "emc-by-optimizer", "cost-by-cell"])
def test_figures_of_cells_draw_every_measured_cell(warehouse, name):
    found = rows(drawn(warehouse, name))
    measured = warehouse.sql("SELECT cell, emc50, low, high FROM estimates ORDER BY cell")
    assert found["cell"].to_list() == measured["cell"].to_list()
    for column in ("emc50", "low", "high"):
        assert (found[column] / measured[column] - 1).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["emc-by-parameters", "emc-by-labels", "cost-by-cell"])
def test_lower_bounds_are_open_upward_triangles(warehouse, name):
    points = [mark for mark in marks(drawn(warehouse, name)) if mark["mark"]["type"] == "point"]
    by_filter = {mark["transform"][-1]["filter"]: mark["mark"] for mark in points}
    assert by_filter["!datum.saturated && !datum.below_smallest"]["filled"] is True
    for column, shape in (("saturated", "triangle-up"), ("below_smallest", "triangle-down")):
        bound = by_filter[f"datum.{column}"]
        assert (bound["shape"], bound.get("filled", False)) == (shape, False)


def test_both_numbers_of_a_cell_stand_in_one_row(warehouse):
    found = rows(drawn(warehouse, "two-numbers"))
    assert found["cell"].n_unique() == found["name"].n_unique() == 30
    told = warehouse.sql("SELECT cell, emc50, emc50_budget, saturated FROM emc")
    for kind, column in (("at minima", "emc50"), ("within the budget", "emc50_budget")):
        both = found.filter(kind=kind).join(told, on="cell", suffix="_told")
        assert (both["value"] / both[f"{column}_told"] - 1).abs().max() < 1e-4
    bounds = found.filter(kind="at minima", bound="lower")
    assert bounds["cell"].is_in(told.filter("saturated")["cell"].to_list()).all()


def test_a_name_leaves_out_what_nearly_all_cells_share(tmp_path):
    """Four of five cells are of ReLU and seed 0; three are of SGD, which is fewer than most."""
    usual: dict[str, list[Any]] = {"activation": ["relu"], "seed": [0]}
    cells = [
        *factorial(**usual, optimizer=["sgd"], batch=[{"size": 16}, {"size": 32}]),
        *factorial(activation=["tanh"], optimizer=["sgd"], seed=[0]),
        *factorial(**usual, optimizer=["adam"]),
        *factorial(activation=["relu"], optimizer=["adam"], seed=[1]),
    ]
    study = write_study(tmp_path, cells, probes=20)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "two-numbers"))
    names = found["name"].unique().to_list()
    assert not any("relu" in name or "seed 0" in name for name in names)
    assert sum("tanh" in name for name in names) == 1
    assert sum("seed 1" in name for name in names) == 1
    assert [sum(kind in name for name in names) for kind in ("sgd", "adam")] == [3, 2]
    assert len(names) == 5


def test_a_cell_without_a_number_at_minima_is_left_out(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), probes=20, uncertified=2)
    unknown, known = (plan.id for plan in study.planned)
    edit_document(
        study.results.cell(unknown).estimate,
        {"emc50": None, "low": None, "high": None, "unfitted_decided": None},
    )
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        for name in ("two-numbers", "emc-by-parameters", "cost-by-cell", "unfitted-decided"):
            assert set(rows(drawn(opened, name))["cell"]) == {known}


def test_lines_join_cells_that_differ_in_size_and_seed_only(warehouse):
    spec = drawn(warehouse, "emc-by-parameters")
    found = rows(spec)
    assert found.filter("saturated")["mean_emc50"].null_count() == found["saturated"].sum() > 0
    (line,) = [mark for mark in marks(spec) if mark["encoding"]["y"]["field"] == "mean_emc50"]
    assert line["encoding"]["detail"]["field"] == "size_group"
    assert line["encoding"]["x"]["field"] == "parameters"
    fixed = ("dataset", "labels", "architecture", "depth", "activation", "optimizer", "batch")
    groups = [rows for _, rows in found.group_by("size_group")]
    assert max(rows["parameters"].n_unique() for rows in groups) > 1
    for group in groups:
        assert all(group[name].n_unique() == 1 for name in fixed)
    same = found.group_by("size_group", "parameters", "saturated").agg(
        mean=pl.col("emc50").log().mean().exp(), drawn=pl.col("mean_emc50").first()
    )
    exact = same.filter(~pl.col("saturated"))
    assert exact["drawn"].to_list() == pytest.approx(exact["mean"].to_list(), rel=1e-4)


def test_cells_of_different_data_sets_share_no_line(tmp_path):
    """Two data sets, two sizes: two lines of two points."""
    nets = [{"name": "mlp", "width": width, "depth": 1} for width in (2, 4)]
    cells = factorial(dataset=["digits", "mnist"], architecture=nets)
    study = write_study(tmp_path, cells, probes=20)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "emc-by-parameters"))
    joined = found.group_by("size_group").agg(pl.col("dataset").unique(), pl.col("parameters"))
    assert sorted(map(len, joined["parameters"])) == [2, 2]
    assert all(len(names) == 1 for names in joined["dataset"])


def test_partners_are_cells_of_two_levels(warehouse):
    found = rows(drawn(warehouse, "emc-by-optimizer"))
    for _, group in found.drop_nulls("optimizer_group").group_by("optimizer_group"):
        assert group["optimizer"].n_unique() > 1
        for factor in ("labels", "architecture", "activation"):
            assert group[factor].n_unique() == 1
    lonely = found.filter(pl.col("optimizer_group").is_null())
    assert set(lonely["optimizer"]) == {"sgd"}


def test_intervals_have_titles_and_tooltips_name_the_cell(warehouse):
    for mark in marks(drawn(warehouse, "emc-by-parameters")):
        encoding = mark["encoding"]
        assert encoding["x"]["title"] == "parameters of the net"
        if mark["mark"]["type"] == "point":
            fields = {entry["field"] for entry in encoding["tooltip"]}
            assert {"emc50", "interval", "probes", "cell"} <= fields


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A study of what the full one holds fixed, with a cell that fits nothing."""
    cells = [
        *factorial(labels=["random", {"name": "random", "classes": 2}]),
        *factorial(labels=[{"noisy": share} for share in (0.1, 0.4)], seed=[0, 1]),
        *factorial(parameterisation=[{"name": "subspace", "dimension": 500}], seed=[0]),
        *factorial(initialisation=["torch"]),
    ]
    study = write_study(tmp_path_factory.mktemp("varied"), cells, probes=20)
    last = study.results.cell(study.planned[-1].id).estimate
    edit_document(last, {"below_smallest": True, "emc50": 1.0, "low": None, "high": 1.0})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.mark.parametrize(
    "name",
    ["emc-by-classes", "emc-by-initialisation", "emc-by-label-noise", "emc-by-parameterisation"],
)
def test_other_factors_are_drawn_where_they_vary(varied, name):
    assert figure(name).lacking(varied) is None
    assert len(rows(drawn(varied, name))) >= 2


def test_upper_bounds_are_counted_and_left_out_of_means(varied):
    spec = drawn(varied, "emc-by-parameters")
    assert "Open triangles pointing down (1) are upper bounds" in spec["description"]
    found = rows(spec).filter("below_smallest")
    assert found["mean_emc50"].null_count() == len(found) == 1


def test_label_noise_is_drawn_where_labels_are_noisy(varied):
    spec = drawn(varied, "emc-by-label-noise")
    assert spec["transform"] == [{"filter": "isValid(datum.label_noise)"}]
    assert set(rows(spec)["label_noise"].drop_nulls()) == {0.1, 0.4}


def test_reparameterised_cells_are_compared_per_trainable_number(varied):
    spec = drawn(varied, "emc-by-parameterisation")
    fields = {mark["encoding"]["y"]["field"] for mark in marks(spec)}
    assert fields == {"per_trainable"}
    found = rows(spec).filter(parameterisation="subspace")
    assert found["per_trainable"].to_list() == pytest.approx(
        (found["emc50"] / 500).to_list(), rel=1e-4
    )


def test_bits_are_those_of_random_labels_beside_their_references(warehouse):
    spec = drawn(warehouse, "bits-per-parameter")
    assert spec["transform"] == [{"filter": "datum.bits_per_parameter > 0"}]
    assert set(rows(spec).filter(pl.col("bits_per_parameter") > 0)["labels"]) == {"random"}
    rules = [mark for mark in marks(spec) if mark["mark"]["type"] == "rule"]
    assert {mark["encoding"]["y"]["datum"] for mark in rules} == {2.0, 3.6}


def test_of_many_groups_a_part_is_joined_by_lines(warehouse, monkeypatch):
    whole = drawn(warehouse, "emc-by-optimizer")
    groups = rows(whole)["optimizer_group"].drop_nulls().n_unique()
    monkeypatch.setattr(emc_by_factor, "MOST_LINES", groups // 2)
    part = drawn(warehouse, "emc-by-optimizer")
    step = math.ceil(groups / (groups // 2))
    assert f"differ in optimizer only (one group in {step} is drawn)" in part["description"]
    assert "is drawn" not in whole["description"]
    (line,) = (mark for mark in marks(part) if mark["mark"]["type"] == "line")
    assert {"filter": f"datum.optimizer_group % {step} === 0"} in line["transform"]
    (means,) = (mark for mark in marks(part) if mark["mark"]["type"] == "tick")
    assert means in marks(whole)


def test_tooltips_say_which_end_of_an_interval_is_not_known(varied):
    spec = drawn(varied, "emc-by-parameters")
    assert rows(spec)["low"].null_count() > 0
    said = vl_convert.vegalite_to_svg(json.dumps(spec))
    assert "95 % interval: no lower end to 1;" in said
    assert "null" not in said


def test_the_axis_of_classes_is_marked_at_those_there_are(varied):
    encodings = [mark["encoding"] for mark in marks(drawn(varied, "emc-by-classes"))]
    assert {tuple(one["x"]["axis"]["values"]) for one in encodings} == {(2, 10)}
    (dash,) = [one["strokeDash"] for one in encodings if "strokeDash" in one]
    assert dash["scale"]["domain"] == ["random"]


def test_levels_without_a_pair_are_not_said_to_be_compared(tmp_path):
    cells = [
        *factorial(initialisation=["torch"], labels=["original"]),
        *factorial(labels=["random"]),
    ]
    study = write_study(tmp_path, cells, probes=20)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        said = drawn(opened, "emc-by-initialisation")["description"]
    assert "No two of them differ in initialisation only" in said
    assert "Thin lines" not in said


@pytest.mark.parametrize(("levels", "axis"), [(2, None), (3, "independent"), (4, None)])
def test_no_axis_stands_below_an_empty_place(levels, axis):
    frame = pl.DataFrame({"panel": [str(place) for place in range(levels)], "n": 1.0})
    made = panels([alt.Chart().mark_point().encode(x="n:Q")], frame, "panel", "A caption.")
    assert made.to_dict().get("resolve", {}).get("axis", {}).get("x") == axis
