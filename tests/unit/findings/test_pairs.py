"""Pairs and their units against arithmetic by hand."""

import math
from typing import Any

import duckdb
import polars as pl
import pytest
from tests.synthetic import SETTINGS, around, edit_document, factorial, write_study

from emc.findings import FACTORS
from emc.findings.pairs import (
    against_parameters,
    bounded_cells,
    budget_answers,
    measured_cells,
    open_as_bounds,
    pairs,
    pairs_at_equal_evaluations,
    within_budget,
)
from emc.warehouse import build, open_database


@pytest.fixture
def measured(tmp_path):
    """Makes the rows of the view `emc` for cells with given answers."""

    def make(cells, emc50, saturated=lambda _: False, below=lambda _: False) -> pl.DataFrame:
        study = write_study(tmp_path, cells, probes=5)
        for plan in study.planned:
            changes = around(float(emc50(plan.cell))) | {
                "saturated": saturated(plan.cell),
                "below_smallest": below(plan.cell),
            }
            edit_document(study.results.cell(plan.id).estimate, changes)
        build(study.database, study.cells, study.results, SETTINGS)
        with open_database(study.database) as warehouse:
            return measured_cells(warehouse)

    return make


def test_seeds_of_one_configuration_are_units(measured):
    answers = {("sgd", 0): 100, ("gd", 0): 50, ("sgd", 1): 300, ("gd", 1): 100}
    cells = measured(
        factorial(optimizer=["sgd", "gd"], seed=[0, 1]),
        lambda cell: answers[cell.optimizer.name, cell.seed],
    )
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert sorted(found.exact) == pytest.approx([math.log(2), math.log(3)])
    assert (found.pairs, found.configurations, found.bounds) == (2, 1, 0)


def test_seeds_of_several_configurations_are_averaged(measured):
    factors: dict[str, Any] = {
        "optimizer": ["sgd", "gd"],
        "seed": [0, 1],
        "activation": ["relu", "tanh"],
    }
    ratios = {("relu", 0): 2, ("relu", 1): 8, ("tanh", 0): 3, ("tanh", 1): 3}

    def answer(cell):
        return 10 * (ratios[cell.activation, cell.seed] if cell.optimizer.name == "sgd" else 1)

    cells = measured(factorial(**factors), answer)
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert sorted(found.exact) == pytest.approx([math.log(3), math.log(4)])
    assert (found.pairs, found.configurations) == (4, 2)


def test_bounds_of_cells_bound_the_ratio_and_the_mean_over_seeds(measured):
    factors: dict[str, Any] = {
        "optimizer": ["sgd", "gd"],
        "seed": [0, 1],
        "activation": ["relu", "tanh"],
    }
    cells = measured(
        factorial(**factors),
        lambda cell: 20 if cell.optimizer.name == "sgd" else 10,
        lambda cell: (cell.activation, cell.seed, cell.optimizer.name) == ("relu", 1, "sgd"),
    )
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert sorted(found.low) == pytest.approx([math.log(2)] * 2)
    assert sorted(found.high) == pytest.approx([math.log(2), math.inf])
    assert (found.pairs, found.configurations, found.bounds, found.unknown) == (4, 2, 1, 0)
    back = pairs(cells, FACTORS["optimizer"], "gd", "sgd")
    assert sorted(back.low) == pytest.approx([-math.inf, -math.log(2)])
    assert sorted(back.high) == pytest.approx([-math.log(2)] * 2)


def test_an_upper_bound_is_a_bound_with_the_other_sign(measured):
    cells = measured(
        factorial(optimizer=["sgd", "gd"], seed=[0]),
        lambda cell: 20 if cell.optimizer.name == "sgd" else 10,
        below=lambda cell: cell.optimizer.name == "gd",
    )
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert found.low == pytest.approx([math.log(2)])
    assert found.high == [math.inf]


def test_two_bounds_on_one_side_say_nothing_and_are_counted(measured):
    cells = measured(
        factorial(optimizer=["sgd", "gd"], seed=[0], activation=["relu", "tanh"]),
        lambda cell: 20 if cell.optimizer.name == "sgd" else 10,
        lambda cell: cell.activation == "relu",
    )
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert (len(found.low), found.pairs, found.configurations, found.unknown) == (1, 1, 1, 1)


def test_architectures_are_compared_per_parameter(measured):
    nets = [{"name": "mlp", "width": 4}, {"name": "cnn", "width": 3}]
    cells = measured(factorial(architecture=nets), lambda cell: 500)
    found = pairs(cells, FACTORS["architecture"], "cnn", "mlp")
    sizes = dict(cells.select("architecture", "parameters").iter_rows())
    assert found.exact == pytest.approx([math.log(sizes["mlp"] / sizes["cnn"])])


def test_levels_that_are_not_there_make_no_pairs(measured):
    cells = measured(factorial(seed=[0]), lambda cell: 100)
    found = pairs(cells, FACTORS["optimizer"], "sgd", "shampoo")
    assert (len(found.low), found.pairs, found.configurations) == (0, 0, 0)


def test_single_cells_are_held_against_their_parameters(measured):
    cells = measured(factorial(seed=[0, 1], activation=["relu", "tanh"]), lambda cell: 321)
    found = against_parameters(cells)
    assert found.exact == pytest.approx([math.log(321 / 3210)] * 2)
    assert (found.pairs, found.configurations) == (4, 2)


def test_cells_without_an_answer_are_no_evidence(tmp_path):
    study = write_study(tmp_path, factorial(seed=[0, 1, 2]), probes=5, unmeasured=2)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert len(measured_cells(warehouse)) == 1


def budgets_of(cells, answers):
    """Rows of EMC at budgets: {(optimizer, budget): (emc50, saturated)} for every cell."""
    rows = [
        {
            "cell": cell,
            "budget": budget,
            "emc50": emc50,
            "saturated": saturated,
            "below_smallest": False,
        }
        for cell, optimizer in cells.select("cell", "optimizer").iter_rows()
        for (name, budget), (emc50, saturated) in answers.items()
        if name == optimizer
    ]
    return pl.DataFrame(rows)


def test_equal_evaluations_are_the_most_that_both_cells_have(measured):
    cells = measured(factorial(optimizer=["sgd", "gd"], seed=[0, 1]), lambda cell: 100)
    answers = {
        ("sgd", 8): (10.0, False),
        ("sgd", 16): (30.0, False),
        ("sgd", 64): (90.0, False),
        ("gd", 8): (20.0, False),
        ("gd", 16): (60.0, False),
        ("gd", 32): (70.0, False),
    }
    budgets = budgets_of(cells, answers)
    optimizer = FACTORS["optimizer"]
    found = pairs_at_equal_evaluations(cells, budgets, optimizer, "sgd", "gd")
    assert found.exact == pytest.approx([math.log(30 / 60)] * 2)
    assert (found.pairs, found.configurations, found.bounds) == (2, 1, 0)
    fewer = budgets.filter((pl.col("budget") != 16) | (pl.col("cell") != cells["cell"][0]))
    less = pairs_at_equal_evaluations(cells, fewer, optimizer, "sgd", "gd")
    assert sorted(less.exact) == pytest.approx([math.log(30 / 60), math.log(10 / 20)])


def test_bounds_at_a_budget_are_bounds(measured):
    cells = measured(factorial(optimizer=["sgd", "gd"], seed=[0]), lambda cell: 100)
    budgets = budgets_of(cells, {("sgd", 8): (40.0, True), ("gd", 8): (20.0, False)})
    found = pairs_at_equal_evaluations(cells, budgets, FACTORS["optimizer"], "sgd", "gd")
    assert found.low == pytest.approx([math.log(2)])
    assert found.high == [math.inf]


@pytest.mark.parametrize(
    ("unknown", "without", "bound"),
    [(0, None, False), (3, 10.05, False), (3, 13.0, True), (3, None, True)],
)
def test_runs_cut_short_below_a_budget_make_its_emc_a_lower_bound(
    tmp_path, unknown, without, bound
):
    """Beyond the tolerance only; where nothing is left without them, too."""
    study = write_study(tmp_path, factorial(seed=[0]), probes=5)
    build(study.database, study.cells, study.results, SETTINGS)
    with duckdb.connect(study.database) as connection:
        connection.execute(
            "UPDATE emc_by_budget SET emc50 = 10, bound = 'none', unknown = $unknown,"
            " emc50_without_unknown = $without",
            {"unknown": unknown, "without": without},
        )
    with open_database(study.database) as warehouse:
        found = budget_answers(warehouse)
    assert len(found) > 1
    assert found["saturated"].unique().to_list() == [bound]
    assert not found["below_smallest"].any()


@pytest.mark.parametrize("answers", [{}, {("gd", 4): (9.0, False)}, {("sgd", 8): (9.0, False)}])
def test_without_a_common_budget_there_are_no_pairs(measured, answers):
    cells = measured(factorial(optimizer=["sgd", "gd", "adam"], seed=[0]), lambda cell: 100)
    alone = {("sgd", 2): (9.0, False), ("adam", 8): (9.0, False)}
    budgets = budgets_of(cells, alone | answers)
    found = pairs_at_equal_evaluations(cells, budgets, FACTORS["optimizer"], "sgd", "gd")
    assert (len(found.low), found.pairs, found.unknown) == (0, 0, 0)


def test_within_the_budget_other_numbers_and_bounds_count():
    cells = pl.DataFrame(
        {
            "emc50": [10.0, None, 7.0],
            "emc50_budget": [5.0, 8.0, 6.0],
            "low_budget": [None, 8.0, None],
            "high_budget": [5.0, None, None],
            "parameters": [100, 80, 10],
            "trainable": [50, 80, 10],
            "bits": [200, 160, 10],
            "saturated": [True, False, False],
            "saturated_budget": [False, True, False],
            "below_smallest": [False, True, False],
            "below_smallest_budget": [True, False, False],
            "open_matters": [True, True, False],
        }
    )
    found = within_budget(cells)
    assert found["emc50"].to_list() == [5.0, 8.0]
    assert found["per_parameter"].to_list() == [0.05, 0.1]
    assert found["per_trainable"].to_list() == [0.1, 0.1]
    assert found["per_bit"].to_list() == [0.025, 0.05]
    assert found["saturated"].to_list() == [False, True]
    assert found["below_smallest"].to_list() == [True, False]
    assert not found["open_matters"].any()


def test_cells_without_a_number_are_lower_bounds_where_an_end_is_known(tmp_path):
    """By hand: with 4 samples per parameter and more on one side, of 2 on the other."""
    study = write_study(tmp_path, factorial(activation=["relu", "tanh", "gelu"]), probes=5)
    changes: dict[Any, Any] = {
        "tanh": around(200.0) | {"open_matters": False},
        "relu": {"emc50": None, "low": 400.0, "high": None, "open_matters": True},
        "gelu": {"emc50": None, "low": None, "high": None, "open_matters": True},
    }
    for plan in study.planned:
        path = study.results.cell(plan.id).estimate
        edit_document(path, {"saturated": False} | changes[plan.cell.activation])
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        cells, measured = bounded_cells(warehouse), measured_cells(warehouse)
    assert measured["activation"].unique().to_list() == ["tanh"]
    assert set(cells["activation"]) == {"tanh", "relu"}
    relu = cells.filter(activation="relu").row(0, named=True)
    assert relu["per_parameter"] == pytest.approx(400 / relu["parameters"])
    found = pairs(cells, FACTORS["activation"], "relu", "tanh")
    assert found.low == pytest.approx(math.log(2))
    assert (found.high == math.inf).all()


def test_what_open_runs_could_move_is_at_least_its_lower_end():
    cells = pl.DataFrame(
        {
            "emc50": [50.0, 50.0, 50.0],
            "low": [20.0, 20.0, None],
            "saturated": [False, False, False],
            "below_smallest": [False, False, False],
            "open_matters": [False, True, True],
        }
    )
    found = open_as_bounds(cells)
    assert found["emc50"].to_list() == [50.0, 20.0, 50.0]
    assert found["saturated"].to_list() == [False, True, True]
    assert found["below_smallest"].to_list() == [False, False, True]
