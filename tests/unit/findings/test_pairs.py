"""Pairs and their units against arithmetic by hand."""

import math

import polars as pl
import pytest
from tests.synthetic import SETTINGS, edit_document, factorial, write_study

from emc.findings import FACTORS
from emc.findings.pairs import against_parameters, measured_cells, pairs
from emc.warehouse import build, open_database


@pytest.fixture
def measured(tmp_path):
    """Makes the rows of the view `emc` for cells with given answers."""

    def make(cells, emc50, saturated=lambda _: False) -> pl.DataFrame:
        study = write_study(tmp_path, cells, probes=5)
        for plan in study.planned:
            changes = {"emc50": float(emc50(plan.cell)), "saturated": saturated(plan.cell)}
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
    assert sorted(found.log_ratios) == pytest.approx([math.log(2), math.log(3)])
    assert (found.pairs, found.configurations, found.saturated) == (2, 1, 0)


def test_seeds_of_several_configurations_are_averaged(measured):
    factors = {"optimizer": ["sgd", "gd"], "seed": [0, 1], "activation": ["relu", "tanh"]}
    ratios = {("relu", 0): 2, ("relu", 1): 8, ("tanh", 0): 3, ("tanh", 1): 3}

    def answer(cell):
        return 10 * (ratios[cell.activation, cell.seed] if cell.optimizer.name == "sgd" else 1)

    cells = measured(factorial(**factors), answer)
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert sorted(found.log_ratios) == pytest.approx([math.log(3), math.log(4)])
    assert (found.pairs, found.configurations) == (4, 2)


def test_a_configuration_with_a_lower_bound_is_left_out_whole(measured):
    factors = {"optimizer": ["sgd", "gd"], "seed": [0, 1], "activation": ["relu", "tanh"]}
    cells = measured(
        factorial(**factors),
        lambda cell: 20 if cell.optimizer.name == "sgd" else 10,
        lambda cell: (cell.activation, cell.seed, cell.optimizer.name) == ("relu", 1, "sgd"),
    )
    found = pairs(cells, FACTORS["optimizer"], "sgd", "gd")
    assert (found.pairs, found.configurations, found.saturated) == (2, 1, 2)


def test_architectures_are_compared_per_parameter(measured):
    nets = [{"name": "mlp", "width": 4}, {"name": "cnn", "width": 3}]
    cells = measured(factorial(architecture=nets), lambda cell: 500)
    found = pairs(cells, FACTORS["architecture"], "cnn", "mlp")
    sizes = dict(cells.select("architecture", "parameters").iter_rows())
    assert found.log_ratios == pytest.approx([math.log(sizes["mlp"] / sizes["cnn"])])


def test_levels_that_are_not_there_make_no_pairs(measured):
    cells = measured(factorial(seed=[0]), lambda cell: 100)
    found = pairs(cells, FACTORS["optimizer"], "sgd", "shampoo")
    assert (len(found.log_ratios), found.pairs, found.configurations) == (0, 0, 0)


def test_single_cells_are_held_against_their_parameters(measured):
    cells = measured(factorial(seed=[0, 1], activation=["relu", "tanh"]), lambda cell: 321)
    found = against_parameters(cells)
    assert found.log_ratios == pytest.approx([math.log(321 / 3210)] * 2)
    assert (found.pairs, found.configurations) == (4, 2)


def test_cells_without_an_answer_are_no_evidence(measured):
    cells = factorial(seed=[0, 1, 2])
    answers = {0: 0.0, 1: math.inf, 2: 100.0}
    assert measured(cells, lambda cell: answers[cell.seed])["emc50"].to_list() == [100]
