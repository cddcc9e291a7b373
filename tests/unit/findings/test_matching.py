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


def groups(cells: list[Cell], factor: str) -> list[int]:
    return matched(rows(cells), factor).to_list()


@pytest.mark.parametrize("factor", FACTORS)
def test_groups_are_those_of_cells_equal_but_for_the_factor(study, warehouse, factor):
    cells = {plan.id: plan.cell for plan in study.planned}
    frame = warehouse.view("emc")
    found = dict(zip(frame["cell"], matched(frame, factor), strict=True))
    for one, cell in cells.items():
        for other, twin in cells.items():
            if factor == "architecture":
                sizes = sorted((cell.parameters, twin.parameters))
                near = sizes[1] <= 1.1 * sizes[0]
            else:
                near = True
            equal = cell.model_copy(update={factor: getattr(twin, factor)}) == twin
            assert (found[one] == found[other]) == (equal and near)


def test_seeds_set_cells_apart():
    one, other = groups(factorial(seed=[0, 1]), "optimizer")
    assert one != other


def test_the_effort_of_the_search_does_not():
    cells = factorial(search=[{"tolerance": 0.05}, {"tolerance": 0.2, "probes": 50}], endpoints=[1])
    one, other = groups(cells, "optimizer")
    assert one == other


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


def test_no_cells_make_no_groups():
    assert groups([], "optimizer") == []
