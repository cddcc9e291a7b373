"""Cells match when nothing but the factor sets them apart."""

import polars as pl
import pytest
from tests.synthetic import factorial

from emc.findings import FACTORS, matched
from emc.study import Cell, cell_id
from emc.study.identity import canonical


def rows(cells: list[Cell]) -> pl.DataFrame:
    """What `matched` reads of the view `emc`."""
    return pl.DataFrame(
        {
            "cell": [cell_id(cell) for cell in cells],
            "definition": [canonical(cell) for cell in cells],
            "classes": [cell.classes for cell in cells],
            "parameters": [cell.parameters for cell in cells],
            "batch": [None if cell.optimizer.name == "gd" else cell.batch.size for cell in cells],
        },
        schema_overrides={"batch": pl.Int64},
    )


def groups(cells: list[Cell], factor: str, **options) -> list[int]:
    return matched(rows(cells), FACTORS[factor], **options).to_list()


@pytest.mark.parametrize("name", ["architecture", "optimizer", "activation", "labels"])
def test_groups_are_those_of_cells_equal_but_for_the_factor(study, warehouse, name):
    cells = {plan.id: plan.cell for plan in study.planned}
    frame = warehouse.view("emc")
    found = dict(zip(frame["cell"], matched(frame, FACTORS[name]), strict=True))
    for one, cell in cells.items():
        for other, twin in cells.items():
            sizes = sorted((cell.parameters, twin.parameters))
            near = name != "architecture" or sizes[1] <= 1.1 * sizes[0]
            equal = cell.model_copy(update={name: getattr(twin, name)}) == twin
            assert (found[one] == found[other]) == (equal and near)


def test_every_factor_is_a_column(warehouse):
    assert set(FACTORS) <= set(warehouse.view("emc").columns)


def test_seeds_set_cells_apart_unless_told_not_to():
    cells = factorial(seed=[0, 1])
    assert len(set(groups(cells, "optimizer"))) == 2
    assert len(set(groups(cells, "optimizer", apart=["seed"]))) == 1


def test_the_effort_of_the_search_does_not():
    cells = factorial(search=[{"tolerance": 0.05}, {"tolerance": 0.2, "probes": 50}], endpoints=[1])
    one, other = groups(cells, "optimizer")
    assert one == other


@pytest.mark.parametrize(
    ("factor", "keys", "apart"),
    [
        ("weight_decay", {"optimizer": [{"name": "sgd", "weight_decay": w} for w in (0, 0.1)]}, 1),
        ("momentum", {"optimizer": [{"name": "sgd", "weight_decay": w} for w in (0, 0.1)]}, 2),
        ("label_smoothing", {"loss": [{"label_smoothing": s} for s in (0, 0.1)]}, 1),
        ("loss", {"loss": [{"label_smoothing": s} for s in (0, 0.1)]}, 2),
        ("batch", {"batch": [{"size": 32}, {"size": 64}]}, 1),
        ("batch", {"batch": [{"size": 32}, {"order": "ragged"}]}, 2),
    ],
)
def test_factors_within_a_part_leave_the_rest_of_it(factor, keys, apart):
    assert len(set(groups(factorial(**keys), factor))) == apart


def test_label_spaces_of_different_size_do_not_match():
    cells = factorial(
        architecture=[{"name": "linear"}],
        labels=["original", "random", {"name": "random", "classes": 2}],
    )
    original, random, binary = groups(cells, "labels")
    assert original == random != binary


def test_full_batch_matches_any_batch():
    batches = [{"size": 32}, {"size": 128}]
    mini = factorial(optimizer=["sgd"], batch=batches)
    full = factorial(optimizer=["gd"])
    assert len(set(groups(mini, "optimizer"))) == 2
    assert len(set(groups(mini + full, "optimizer"))) == 1


def test_sizes_match_in_chains_of_ten_percent():
    widths = [20, 21, 22, 23, 40, 41]
    cells = factorial(architecture=[{"name": "mlp", "width": width} for width in widths])
    sizes = [cell.parameters for cell in cells]
    assert all(sizes[i + 1] <= 1.1 * sizes[i] for i in (0, 1, 2, 4))
    assert sizes[4] > 1.1 * sizes[3]
    assert sizes[3] > 1.1 * sizes[0]
    found = groups(cells, "architecture")
    assert found[0] == found[1] == found[2] == found[3] != found[4] == found[5]


def test_cells_of_unknown_size_are_alone():
    table = rows(
        factorial(architecture=[{"name": "mlp", "width": width} for width in (40, 41, 42)])
    )
    known = table["parameters"].to_list()
    for sizes in ([None] * 3, [known[0], None, known[2]]):
        unknown = table.with_columns(parameters=pl.Series(sizes, dtype=pl.Int64))
        found = matched(unknown, FACTORS["architecture"]).to_list()
        assert len(set(found)) == 1 + sum(size is None for size in sizes[1:])


def test_no_cells_make_no_groups():
    assert groups([], "optimizer") == []
