"""The forecast of a study's cost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.measurement.cost import forecast

sizes = st.integers(1, 10**9)
seconds = st.floats(0, 1e7)


def test_nothing_is_known_before_a_cell_has_finished() -> None:
    assert forecast([], [10, 20]) is None


@given(
    st.floats(0, 3),
    st.floats(1e-3, 1e3),
    st.lists(st.integers(1, 10**6), min_size=4, max_size=8, unique=True),
    st.lists(sizes, max_size=5),
)
def test_an_exact_power_law_is_recovered(
    power: float, level: float, known: list[int], to_do: list[int]
) -> None:
    done = [(size, level * size**power) for size in known]
    found = forecast(done, to_do)
    assert found is not None
    assert found.total == pytest.approx(sum(level * size**power for size in to_do), rel=1e-5)
    assert found.factor == pytest.approx(1, abs=1e-6)
    assert found.learnt_from == len(known)


def test_one_cell_tells_a_level_and_nothing_of_its_error() -> None:
    found = forecast([(100, 3.0)], [10, 100, 1000])
    assert found is not None
    assert found.total == pytest.approx(9.0)
    assert (found.factor, found.learnt_from) == (math.inf, 1)


def test_cells_of_one_size_tell_a_level_and_its_error() -> None:
    """The geometric mean, and the spread of the logarithms: 1 and 4 seconds, s = log 2 sqrt 2."""
    found = forecast([(100, 1.0), (100, 4.0)], [100, 10**6])
    assert found is not None
    assert found.total == pytest.approx(2 * 2.0)
    assert found.factor == pytest.approx(math.exp(1.96 * math.log(2) * math.sqrt(2)))


def test_two_sizes_are_too_few_for_a_slope() -> None:
    found = forecast([(10, 1.0), (1000, 100.0)], [10**6])
    assert found is not None
    assert found.total == pytest.approx(10.0)


def test_the_least_squares_line() -> None:
    """Held against numpy's own fit."""
    draw = np.random.default_rng(5)
    size = draw.integers(10, 10**5, 30)
    spent = 0.01 * size**1.4 * np.exp(draw.normal(0, 0.2, 30))
    line, squares, *_ = np.polyfit(np.log(size), np.log(spent), 1, full=True)
    found = forecast(list(zip(size.tolist(), spent.tolist(), strict=True)), [500])
    assert found is not None
    assert found.total == pytest.approx(math.exp(np.polyval(line, math.log(500))))
    assert found.factor == pytest.approx(math.exp(1.96 * math.sqrt(squares[0] / 28)))


@pytest.mark.parametrize(("spent", "expected"), [([1, 10, 100], 1e4), ([100, 10, 1], 1e1)])
def test_cells_of_nearly_one_size_predict_nothing_absurd(spent: list[int], expected: float) -> None:
    """Powers of 230 and -230 would fit best: the third is the most, and none the least."""
    found = forecast([(999, spent[0]), (1000, spent[1]), (1001, spent[2])], [10_000])
    assert found is not None
    assert found.total == pytest.approx(expected, rel=1e-3)


@given(st.lists(st.tuples(sizes, seconds), min_size=1, max_size=8), st.lists(sizes, min_size=1))
def test_a_forecast_is_positive_and_finite(done: list[tuple[int, float]], to_do: list[int]) -> None:
    found = forecast(done, to_do)
    assert found is not None
    assert 0 < found.total < math.inf
    assert found.factor >= 1
    assert math.isinf(found.factor) == (len(done) == 1)


def test_nothing_left_costs_nothing() -> None:
    found = forecast([(10, 1.0)], [])
    assert found is not None
    assert found.total == 0


def test_leaving_one_out() -> None:
    """1, 2 and 4 seconds at one size: each is predicted by the geometric mean of the others."""
    found = forecast([(10, 1.0), (10, 2.0), (10, 4.0)], [10])
    assert found is not None
    errors = np.log([1 / math.sqrt(8), 2 / 2, 4 / math.sqrt(2)])
    assert found.left_out == pytest.approx(math.exp(math.sqrt(np.mean(errors**2))))


def test_leaving_one_out_of_a_line() -> None:
    """The residual over one less its leverage, the closed form for least squares."""
    draw = np.random.default_rng(7)
    size = draw.integers(10, 10**5, 20)
    spent = 0.01 * size**1.2 * np.exp(draw.normal(0, 0.3, 20))
    design = np.column_stack([np.ones(20), np.log(size)])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    residuals = (np.log(spent) - hat @ np.log(spent)) / (1 - np.diag(hat))
    found = forecast(list(zip(size.tolist(), spent.tolist(), strict=True)), [500])
    assert found is not None
    assert found.left_out == pytest.approx(math.exp(math.sqrt(np.mean(residuals**2))))


def test_the_largest_cell_to_come() -> None:
    found = forecast([(10, 1.0), (100, 10.0), (1000, 100.0)], [50, 500, None])
    assert found is not None
    assert found.largest == pytest.approx(50.0)


def test_before_any_cell_has_finished_each_takes_what_is_expected() -> None:
    found = forecast([], [3.0, 12.0, 4.0, None], expected=True)
    assert found is not None
    assert found.total == pytest.approx(3 + 12 + 4 + 4)
    assert found.largest == pytest.approx(12)
    assert (found.factor, found.learnt_from) == (4, 0)
    assert forecast([], [None], expected=True) is None


def test_what_is_expected_is_off_by_as_much_as_of_finished_cells() -> None:
    """Twice, and an eighth: the root mean square of log 2 and log 8."""
    found = forecast([(1.0, 2.0), (800.0, 100.0)], [10.0, None], expected=True)
    assert found is not None
    assert found.total == pytest.approx(10 + 10)
    off = math.exp(math.sqrt((math.log(2) ** 2 + math.log(8) ** 2) / 2))
    assert found.left_out == pytest.approx(off)
    assert found.factor == pytest.approx(off**1.96)
    assert found.learnt_from == 2


def test_one_cell_tells_nothing_of_how_far_what_is_expected_is_off() -> None:
    found = forecast([(1.0, 2.0)], [10.0], expected=True)
    assert found is not None
    assert found.total == pytest.approx(10)
    assert (found.factor, found.learnt_from) == (math.inf, 1)
