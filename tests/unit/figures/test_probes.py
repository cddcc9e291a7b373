"""Figures of probes: fits, accuracies, outcomes, budgets, learning rates."""

import json
import math

import polars as pl
import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study
from tests.unit.figures.reading import drawn, marks, rows

from emc.warehouse import build, open_database


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


def test_a_tick_stands_where_its_probe_ends_at_a_minimum(warehouse):
    (ticks,) = [m for m in marks(drawn(warehouse, "fit-by-n")) if m["mark"]["type"] == "tick"]
    heights, _ = ticks["transform"][-1]["calculate"].split("[datum.outcome]")
    assert json.loads(heights) == {
        "fit": 1,
        "finished": 1,
        "minimum": 0,
        "open": 0.25,
        "diverged": 0,
    }


def test_decided_and_open_shares_are_those_of_the_cells(warehouse):
    found = rows(drawn(warehouse, "unfitted-decided"))
    told = warehouse.sql(
        "SELECT cell, unfitted_decided AS share FROM emc WHERE unfitted_decided IS NOT NULL"
        " ORDER BY share, cell LIMIT 30"
    )
    decided = found.filter(part="decided")
    assert decided["cell"].to_list() == told["cell"].to_list()
    assert (decided["share"] - told["share"]).abs().max() < 1e-4
    sums = found.group_by("cell").agg(pl.col("share").sum())
    assert (sums["share"] - 1).abs().max() < 1e-4


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


def test_budgets_show_the_refits(warehouse):
    found = rows(drawn(warehouse, "emc-by-budget"))
    counted = warehouse.sql("SELECT count(*) FROM emc_by_budget WHERE reached > 0").item()
    assert len(found) == counted
    assert set(found["bound"]) <= {"none", "lower", "upper"}
    assert found.filter(bound="upper")["low"].null_count() == (found["bound"] == "upper").sum()
