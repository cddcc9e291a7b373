"""How EMC grows with parameters, in studies whose power law is known."""

import pytest
from tests.synthetic import SETTINGS, around, edit_document, factorial, write_study
from tests.unit.findings.answers import NETS, UNBOUNDED

from emc.findings import exponents
from emc.warehouse import build, open_database


def test_exponents_are_those_of_the_power_law(tmp_path):
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8, 16)]
    study = write_study(tmp_path, factorial(architecture=nets, seed=[0, 1]), probes=5)
    for plan in study.planned:
        emc50 = 3 * plan.cell.parameters**0.8 * (1.01 if plan.cell.seed else 1 / 1.01)
        bound = plan.cell.architecture.width == 16 and plan.cell.seed == 0
        path = study.results.cell(plan.id).estimate
        edit_document(path, around(emc50) | UNBOUNDED | {"saturated": bound})
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        (found,) = exponents(warehouse)
    assert found.exponent == pytest.approx(0.8, abs=0.01)
    assert found.low < 0.8 < found.high
    assert (found.sizes, found.cells, found.bounds, found.depth) == (4, 8, 1, 2)
    assert found.basis == "8, 1 of them bounds"
    assert found.procedure.startswith("mlp of depth 2, relu, sgd, scaled-normal, random labels")


@pytest.mark.parametrize("matters", [False, True])
def test_an_exponent_takes_what_open_runs_could_move_for_a_lower_bound(tmp_path, matters):
    """Open runs hide what the largest net fits: read as a point it would halve the exponent."""
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8, 16)]
    study = write_study(tmp_path, factorial(architecture=nets, seed=[0, 1]), probes=5)
    for plan in study.planned:
        largest = plan.cell.architecture.width == 16
        noise = 1.01 if plan.cell.seed else 1 / 1.01
        emc50 = 3 * plan.cell.parameters**0.8 * noise / (6 if largest else 1)
        seen = around(emc50) | UNBOUNDED | {"open_matters": matters and largest}
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        (found,) = exponents(warehouse)
    assert found.bounds == (2 if matters else 0)
    assert (found.exponent == pytest.approx(0.8, abs=0.02)) is matters


def test_sizes_that_open_runs_could_move_make_no_exponent(tmp_path):
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8)]
    study = write_study(tmp_path, factorial(architecture=nets), probes=5)
    for plan in study.planned:
        seen = around(20.0) | UNBOUNDED | {"open_matters": plan.cell.architecture.width == 8}
        edit_document(study.results.cell(plan.id).estimate, seen)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert exponents(warehouse) == []


def test_two_sizes_make_no_exponent(tmp_path):
    study = write_study(tmp_path, factorial(architecture=NETS[:2]), probes=5)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        assert exponents(warehouse) == []


def test_procedures_of_one_net_are_told_by_their_settings(tmp_path):
    nets = [{"name": "mlp", "width": width} for width in (2, 4, 8)]
    decays = [{"name": "sgd", "weight_decay": decay} for decay in (0.0, 1e-3)]
    study = write_study(tmp_path, factorial(architecture=nets, optimizer=decays), probes=5)
    for plan in study.planned:
        found = around(3 * plan.cell.parameters**0.8) | UNBOUNDED
        edit_document(study.results.cell(plan.id).estimate, found)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as warehouse:
        settings = {one.settings: one.procedure for one in exponents(warehouse)}
    assert set(settings) == {"weight decay 0", "weight decay 0.001"}
    assert all(procedure.endswith(f", {told}") for told, procedure in settings.items())
