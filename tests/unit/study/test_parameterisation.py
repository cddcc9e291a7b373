"""How many numbers train, and which forms a net cannot have."""

from typing import Any

import pytest

from emc.study import Cell
from emc.study.parameterisation import is_factored


def cell(form: Any, **keys: Any) -> Cell:
    raw = {"dataset": "digits", "architecture": {"name": "mlp", "depth": 2, "width": 10}, **keys}
    return Cell.model_validate({**raw, "parameterisation": form})


@pytest.mark.parametrize(
    ("form", "trainable", "bits"),
    [
        # 64 -> 10 -> 10 -> 10: 640 + 100 + 100 weights and 30 biases
        ("full", 870, 32 * 870),
        ({"name": "subspace", "dimension": 50}, 50, 32 * 50),
        ({"name": "subspace", "dimension": 870, "projection": "fastfood"}, 870, 32 * 870),
        # rank 2: 2 x (64 + 10), twice 2 x (10 + 10), and 30 biases
        ({"name": "low-rank", "rank": 2}, 148 + 40 + 40 + 30, 32 * 258),
        # rank 5: factors of a 10 x 10 matrix would be as large as itself
        ({"name": "low-rank", "rank": 5}, 370 + 100 + 100 + 30, 32 * 600),
        ({"name": "quantised", "bits": 3}, 870, 3 * 870),
    ],
    ids=str,
)
def test_what_trains(form: Any, trainable: int, bits: int) -> None:
    made = cell(form)
    assert (made.parameters, made.trainable, made.bits) == (870, trainable, bits)


def test_a_rank_pays_as_long_as_its_factors_are_smaller() -> None:
    assert [rank for rank in range(1, 12) if is_factored((10, 40), rank)] == [1, 2, 3, 4, 5, 6, 7]
    assert not is_factored((1, 500), 1)


def test_a_form_that_does_not_suit_a_net_whose_inputs_are_known_late() -> None:
    one_unit = {"name": "mlp", "width": 1, "depth": 1}
    table = {"name": "csv", "file": "a.csv", "label": "y"}
    made = cell({"name": "subspace", "dimension": 86}, dataset=table, architecture=one_unit)
    assert made.unsuitable((1, 8, 8), 10) == (
        "parameterisation: expected at most the net's 85 dimensions, found 86"
    )
    assert made.unsuitable((1, 8, 9), 10) is None


def test_a_bare_name_is_the_entry() -> None:
    assert cell("full") == cell({"name": "full"})
