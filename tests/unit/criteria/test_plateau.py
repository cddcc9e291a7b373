import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.criteria import WINDOW, is_plateau, plateau


@pytest.mark.parametrize("epochs", range(WINDOW))
def test_too_few_epochs_are_no_plateau(epochs: int) -> None:
    assert plateau(np.ones(epochs)) == math.inf
    assert not is_plateau(np.ones(epochs), 1e9)


def test_only_the_last_window_counts() -> None:
    losses = np.concatenate([[1e6], np.linspace(1.0, 1.1, WINDOW)])
    assert plateau(losses) == pytest.approx(0.1 / 1.05)


def test_float32_losses_are_compared_in_float64() -> None:
    losses = np.full(WINDOW, 0.1, dtype=np.float32)
    assert plateau(losses) == 0.0


def test_zero_losses_are_a_plateau() -> None:
    assert is_plateau(np.zeros(WINDOW), 1e-3)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_is_no_plateau(bad: float) -> None:
    losses = np.ones(WINDOW)
    losses[3] = bad
    assert math.isnan(plateau(losses))
    assert not is_plateau(losses, 1e9)


@given(
    st.lists(st.floats(0.01, 100), min_size=WINDOW, max_size=3 * WINDOW),
    st.floats(0.01, 100),
    st.permutations(range(WINDOW)),
)
def test_is_relative_and_blind_to_order(
    losses: list[float], scale: float, order: list[int]
) -> None:
    values = np.array(losses)
    shuffled = values[-WINDOW:][order]
    assert plateau(scale * values) == pytest.approx(plateau(values), abs=1e-9)
    assert plateau(shuffled) == pytest.approx(plateau(values), abs=1e-9)
