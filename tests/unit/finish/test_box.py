"""The box program against all choices of bounds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emc.finish.box import minimise_in_box


def by_trying(a: np.ndarray, b: np.ndarray, upper: np.ndarray) -> float:
    """The least value over the best points of all faces of the box."""
    values = []
    for sides in product((0, 1, 2), repeat=len(b)):
        side = np.array(sides)
        free, x = side == 2, np.where(side == 1, upper, 0.0)
        x[free] = np.linalg.lstsq(a[np.ix_(free, free)], -(b + a @ x)[free], rcond=None)[0]
        if (x >= -1e-9).all() and (x <= upper + 1e-9).all():
            values.append(x @ a @ x / 2 + b @ x)
    return min(values)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 5), rank=st.integers(1, 6))
def test_no_face_of_the_box_is_lower(seed: int, count: int, rank: int) -> None:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(count, rank))
    a, upper = root @ root.T, draw.uniform(0.1, 2, count)
    b = root @ draw.normal(size=rank)
    x = minimise_in_box(a, b, upper)
    assert ((x >= -1e-9) & (x <= upper + 1e-9)).all()
    assert x @ a @ x / 2 + b @ x == pytest.approx(by_trying(a, b, upper), abs=1e-7)


def test_no_variables_have_no_answer() -> None:
    assert minimise_in_box(np.zeros((0, 0)), np.zeros(0), np.zeros(0)).shape == (0,)
