"""What finished cells tell of cells like them."""

from math import exp, log
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.measurement.likeness import learnt
from emc.study import Cell, PlannedCell

KEYS: dict[str, dict[str, Any]] = {
    "relu": {"activation": "relu"},
    "tanh": {"activation": "tanh"},
    "gelu": {"activation": "gelu"},
    "wide": {"activation": "relu", "architecture": {"name": "mlp", "depth": 1, "width": 16}},
    "sam": {"activation": "relu", "optimizer": {"name": "sam", "lr": 0.1}},
    "noisy": {"activation": "relu", "labels": {"noisy": 0.2}},
}


def planned(name: str) -> PlannedCell:
    content = {
        "dataset": "digits",
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "width": 8},
        **KEYS[name],
    }
    return PlannedCell(name, Cell.model_validate(content), "{}", ("s",))


CELLS = [planned(name) for name in KEYS]
TEN = dict.fromkeys(KEYS, 10.0)


def test_before_any_has_finished_it_is_as_expected() -> None:
    assert learnt(TEN, {}, CELLS) == TEN


@given(st.floats(1e-3, 1e3), st.sets(st.sampled_from(sorted(KEYS)), min_size=2))
def test_what_all_cells_took_longer_is_expected_of_each(times: float, done: set[str]) -> None:
    found = learnt(TEN, dict.fromkeys(done, 10 * times), CELLS)
    assert found == pytest.approx(dict.fromkeys(KEYS, 10 * times))


def test_cells_that_are_as_like_count_as_much() -> None:
    """Twice and eight times as long: GELU differs from both in its activation."""
    found = learnt(TEN, {"relu": 20.0, "tanh": 80.0}, CELLS)
    assert found["gelu"] == pytest.approx(40.0)


def test_a_finished_cell_has_no_part_in_what_is_expected_of_itself() -> None:
    found = learnt(TEN, {"relu": 20.0, "tanh": 80.0}, CELLS)
    assert (found["relu"], found["tanh"]) == pytest.approx((80.0, 20.0))


def test_a_single_one_corrects_all_others_alone() -> None:
    found = learnt(TEN, {"relu": 20.0}, CELLS)
    assert found["relu"] == 10
    assert [found[name] for name in KEYS if name != "relu"] == pytest.approx([20.0] * 5)


def test_cells_that_are_like_count_more() -> None:
    """The wide net of ReLU lies the logarithm of its size away, that of tanh one entry further."""
    sizes = {one.id: one.cell.parameters for one in CELLS}
    away = log(sizes["wide"] / sizes["relu"])
    near, far = exp(-away / 2), exp(-(away + 1) / 2)
    mean = (near * log(2) + far * log(8) + 0.05 * log(4)) / (near + far + 0.05)
    found = learnt(TEN, {"relu": 20.0, "tanh": 80.0}, CELLS)
    assert found["wide"] == pytest.approx(10 * exp(mean))
    labels, both = exp(-0.25), exp(-0.75)
    mean = (labels * log(2) + both * log(8) + 0.05 * log(4)) / (labels + both + 0.05)
    assert found["noisy"] == pytest.approx(10 * exp(mean))


def test_nets_that_torch_trains_tell_others_nothing_but_the_mean_of_all() -> None:
    found = learnt(TEN, {"relu": 20.0, "sam": 1000.0}, CELLS)
    near, all_ = exp(-0.5), log(2) / 2 + log(100) / 2
    assert found["tanh"] == pytest.approx(10 * exp((near * log(2) + 0.05 * all_) / (near + 0.05)))


def test_what_is_not_expected_is_left_out() -> None:
    found = learnt({"relu": 10.0, "tanh": 10.0}, {"relu": 20.0, "gelu": 500.0}, CELLS)
    assert found == pytest.approx({"relu": 10.0, "tanh": 20.0})
