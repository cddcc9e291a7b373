"""Every figure by the data it draws, its words and its wants; no pixels."""

import math
from typing import Any

import polars as pl
import pytest
from tests.synthetic import (
    GENERALISATION_SEEDS,
    SETTINGS,
    edit_document,
    factorial,
    write_generalisation,
    write_study,
)

from emc.errors import EmcError
from emc.figures import FIGURES, emc_by_factor, figure, specification
from emc.figures.theme import COLOURS
from emc.warehouse import Warehouse, build, open_database

NAMES = [figure.name for figure in FIGURES]
NUMBERS = {"emc-by-classes": "classes", "emc-by-label-noise": "label noise"}
ALIKE = {"emc-by-initialisation", "emc-by-parameterisation", *NUMBERS}
"""Figures of factors that do not vary in the full study."""
DRAWN = [name for name in NAMES if name not in ALIKE]


def drawn(warehouse: Warehouse, name: str) -> dict[str, Any]:
    return specification(figure(name).draw(warehouse))


def rows(spec: dict[str, Any]) -> pl.DataFrame:
    """The one data set of a figure that has rows worth looking at."""
    largest = max(spec["datasets"].values(), key=len)
    return pl.DataFrame(largest, infer_schema_length=None)


def marks(spec: Any) -> list[dict[str, Any]]:
    """Every unit specification inside a specification."""
    if isinstance(spec, list):
        return [mark for part in spec for mark in marks(part)]
    if not isinstance(spec, dict):
        return []
    own = [spec] if "mark" in spec else []
    return own + [mark for key in ("layer", "spec", "concat") for mark in marks(spec.get(key))]


@pytest.fixture(scope="module")
def lone(tmp_path_factory):
    """A study of one cell, none of whose factors varies."""
    cells = factorial(optimizer=[{"name": "sgd", "lr": 0.1}])
    study = write_study(tmp_path_factory.mktemp("lone"), cells, probes=20)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory):
    """A study none of whose cells is measured."""
    folder = tmp_path_factory.mktemp("unmeasured")
    study = write_study(folder, factorial(seed=[0, 1]), unmeasured=2)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.fixture(scope="module")
def bounds(tmp_path_factory):
    """A study whose cells all met the end of their data."""
    cells = factorial(architecture=[{"name": "linear"}], labels=["original", "random"])
    study = write_study(tmp_path_factory.mktemp("bounds"), cells, probes=20, uncertified=2)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.mark.parametrize("name", DRAWN)
def test_a_full_study_draws_every_figure(warehouse, name):
    assert figure(name).lacking(warehouse) is None
    spec = drawn(warehouse, name)
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/v6")
    assert spec["description"].endswith((".", ")"))
    assert any(character.isdigit() for character in spec["description"])


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_results_says_what_to_run(unmeasured, name):
    assert figure(name).lacking(unmeasured).endswith((".", "compare."))


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_one_cell_draws_or_says_what_it_lacks(lone, name):
    lacking = figure(name).lacking(lone)
    compares = name.removeprefix("emc-by-")
    if name in NUMBERS:
        assert f"as {NUMBERS[name]}: give a section of the study `grid: {{labels:" in lacking
    elif compares in {
        *("architecture", "labels", "optimizer", "activation"),
        *("initialisation", "parameterisation"),
    }:
        assert f"as {compares}: give a section of the study `grid: {{{compares}:" in lacking
    elif name == "emc-by-learning-rate":
        assert lacking.startswith("Every measured cell has one learning rate")
    elif name == "label-gap":
        assert lacking.startswith("No cell has both a label gap and a test accuracy")
    elif name == "effects":
        assert lacking.startswith("No two measured cells differ in one factor only")
    else:
        assert lacking is None
        assert len(rows(drawn(lone, name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_lower_bounds_draws_or_says_what_it_lacks(bounds, name):
    if figure(name).lacking(bounds) is None:
        drawn(bounds, name)
    for transition in ("fit-by-n", "accuracy-by-n"):
        assert "measure smaller nets" in figure(transition).lacking(bounds)


def test_unknown_figures_are_refused():
    with pytest.raises(EmcError, match="no figure 'emc': there are emc-by-parameters, effects"):
        figure("emc")


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


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


def test_averages_are_geometric_means_of_exact_cells(warehouse):
    found = rows(drawn(warehouse, "emc-by-parameters"))
    assert found.filter("saturated")["mean_emc50"].null_count() == found["saturated"].sum() > 0
    alike = found.filter(architecture="cnn", labels="random", parameters=2066)
    assert len(alike) == 2
    mean = math.exp(alike["emc50"].log().mean())
    assert alike["mean_emc50"].to_list() == pytest.approx([mean] * 2, rel=1e-4)
    assert alike["mean_parameters"].to_list() == pytest.approx([2066] * 2)


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
            assert {"emc50", "low", "high", "probes", "cell"} <= fields


@pytest.mark.parametrize("name", DRAWN)
def test_every_axis_of_numbers_has_a_title(warehouse, name):
    for mark in marks(drawn(warehouse, name)):
        for channel in ("x", "y"):
            entry = mark["encoding"].get(channel, {"datum": 0})
            if entry.get("type") == "quantitative":
                assert entry["title"]


def test_a_factor_keeps_its_colours_from_figure_to_figure(warehouse):
    colours = {}
    for name in ("emc-by-parameters", "accuracy-by-n", "emc-by-learning-rate"):
        for mark in marks(drawn(warehouse, name)):
            scale = mark["encoding"].get("color", {}).get("scale")
            if scale:
                for level, colour in zip(scale["domain"], scale["range"], strict=True):
                    assert colours.setdefault(level, colour) == colour
    assert set(colours) == {"cnn", "linear", "mlp"}
    assert set(colours.values()) <= set(COLOURS)


def test_legends_filter(warehouse):
    spec = drawn(warehouse, "emc-by-parameters")
    (chosen,) = spec["params"]
    assert chosen["bind"] == "legend"
    assert chosen["select"]["fields"] == ["architecture"]


def test_fit_by_n_holds_answers_and_probes_of_spread_cells(warehouse):
    spec = drawn(warehouse, "fit-by-n")
    found = rows(spec)
    answers = found.filter(kind="answer")
    assert len(answers) == 9
    assert answers["cell"].n_unique() == 9
    for cell, emc50, width in answers.select("cell", "emc50", "width").iter_rows():
        estimate = warehouse.sql("SELECT * FROM estimates WHERE cell = $cell", cell=cell)
        assert emc50 == pytest.approx(estimate["emc50"][0], rel=1e-4)
        assert width == pytest.approx(estimate["width"][0], rel=1e-4)
        probes = warehouse.sql(
            "SELECT n, outcome FROM probes WHERE cell = $cell AND lr = $lr ORDER BY n, outcome",
            cell=cell,
            lr=estimate["best_lr"][0],
        )
        drawn_probes = found.filter(kind="probe", cell=cell).select("n", "outcome")
        assert drawn_probes.sort("n", "outcome").equals(probes)
    assert f"{(found['kind'] == 'probe').sum()} probes" in spec["description"]


def test_accuracy_by_n_counts_every_probe_near_the_transition(warehouse):
    found = rows(drawn(warehouse, "accuracy-by-n"))
    counted = warehouse.sql(
        "SELECT count(*) FROM probes AS p JOIN estimates AS e ON e.cell = p.cell"
        " AND e.best_lr = p.lr WHERE NOT e.saturated AND p.n BETWEEN e.emc50 / 8 AND e.emc50 * 8"
    ).item()
    assert found["probes"].sum() == counted
    assert found.filter(pl.col("n_over_emc50") < 0.5)["mean"].min() == 1
    assert found.filter(pl.col("n_over_emc50") > 1.5)["mean"].max() < 1


def test_outcome_shares_add_up(warehouse):
    found = rows(drawn(warehouse, "outcomes-by-optimizer"))
    sums = found.group_by("optimizer", "labels").agg(pl.col("share").sum())
    assert (sums["share"] - 1).abs().max() < 1e-9
    assert found["probes"].sum() == warehouse.count("probes")


def test_curvature_draws_end_points_with_a_known_spectrum(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), probes=20)
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    table = pl.read_parquet(path)
    table.with_columns(lambda_min=pl.lit(float("nan"))).write_parquet(path)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "curvature-by-optimizer"))
        known = opened.sql("SELECT * FROM curvature WHERE NOT isnan(lambda_min)")
    assert len(found) == len(known) > 0
    ratio = known["lambda_min"] / known["lambda_max"]
    assert (found["curvature_ratio"] / ratio - 1).abs().max() < 1e-4


def test_an_upper_bound_is_drawn_as_one(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0]), probes=20)
    path = study.results.cell(study.planned[0].id).certificate(SETTINGS)
    table = pl.read_parquet(path)
    moving = pl.lit("unconverged").alias("verdict")
    table.with_columns(moving, exact=False).write_parquet(path)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "curvature-by-optimizer"))
    assert set(found["mark"]) == {"an upper bound only"}


def test_failures_are_counted_by_what_became_of_them(warehouse):
    found = rows(drawn(warehouse, "failures-by-optimizer"))
    counted = warehouse.sql("SELECT * FROM minima WHERE NOT fitted")
    assert found["failures"].sum() == counted["end_points"].sum()
    for word in ("minimum", "unfinished"):
        assert found.filter(conclusion=word)["failures"].sum() == counted[word].sum() > 0
    sums = found.group_by("optimizer", "architecture").agg(pl.col("share").sum())
    assert (sums["share"] - 1).abs().max() < 1e-9


def test_sharpness_draws_both_measures_of_every_end_point(warehouse):
    found = rows(drawn(warehouse, "sharpness-by-optimizer"))
    ends = warehouse.view("curvature")
    for panel, name in (("largest eigenvalue", "lambda_max"), ("trace", "trace")):
        values = found.filter(variable=panel)["value"]
        assert len(values) == len(ends)
        assert values.sum() == pytest.approx(ends[name].sum(), rel=1e-4)


def test_learning_rates_show_at_most_so_many_cells(warehouse):
    spec = drawn(warehouse, "emc-by-learning-rate")
    found = rows(spec)
    assert found["cell"].n_unique() == warehouse.count("estimates")
    assert found.filter("best")["of_best"].to_list() == [1] * warehouse.count("estimates")


def test_infinite_and_undefined_numbers_become_empty(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1]), probes=20)
    estimate = study.results.cell(study.planned[0].id).estimate
    edit_document(estimate, {"width": math.nan})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        found = rows(drawn(opened, "fit-by-n"))
        assert found.filter(kind="answer")["width"].null_count() == 1
        for name in ("emc-by-parameters", "accuracy-by-n", "cost-by-cell"):
            drawn(opened, name)


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
    edit_document(last, {"below_smallest": True, "emc50": 1.0, "low": 0.5, "high": 1.0})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.mark.parametrize("name", sorted(ALIKE))
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


def test_budgets_show_the_refits(warehouse):
    found = rows(drawn(warehouse, "emc-by-budget"))
    counted = warehouse.sql("SELECT count(*) FROM emc_by_budget WHERE reached > 0").item()
    assert len(found) == counted
    assert set(found["bound"]) <= {"none", "lower", "upper"}
    assert found.filter(bound="upper")["low"].null_count() == (found["bound"] == "upper").sum()


def test_bits_are_those_of_random_labels_beside_their_references(warehouse):
    spec = drawn(warehouse, "bits-per-parameter")
    assert spec["transform"] == [{"filter": "datum.bits_per_parameter > 0"}]
    assert set(rows(spec).filter(pl.col("bits_per_parameter") > 0)["labels"]) == {"random"}
    rules = [mark for mark in marks(spec) if mark["mark"]["type"] == "rule"]
    assert {mark["encoding"]["y"]["datum"] for mark in rules} == {2.0, 3.6}


def test_the_label_gap_says_how_well_it_predicts(warehouse):
    spec = drawn(warehouse, "label-gap")
    found = rows(spec)
    pairs = warehouse.sql("SELECT * FROM label_gap SEMI JOIN generalisation ON cell = original")
    assert len(found) == len(pairs)
    gaps = warehouse.sql("SELECT cell, avg(gap) AS gap FROM generalisation GROUP BY cell")
    joined = found.join(gaps, on="cell")
    assert (joined["generalisation_gap"] - joined["gap"]).abs().max() < 1e-4
    assert "all architectures: Pearson -0." in spec["description"]


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


def test_one_pair_is_no_pairs(tmp_path):
    study = write_study(tmp_path, factorial(labels=["original", "random"]), probes=20)
    write_generalisation(study)
    seeds = GENERALISATION_SEEDS
    build(study.database, study.cells, study.results, SETTINGS, seeds=seeds)
    with open_database(study.database) as opened:
        assert drawn(opened, "label-gap")["description"].startswith("1 pair of cells that differ")


def test_effects_hold_the_sentences_of_the_findings(warehouse):
    found = rows(drawn(warehouse, "effects"))
    sgd = found.filter(comparison="sgd / gd").row(0, named=True)
    assert sgd["factor"] == "optimizer"
    assert sgd["low"] < sgd["ratio"] < sgd["high"]
    assert f"{sgd['ratio']:.2f} times" in sgd["sentence"]
