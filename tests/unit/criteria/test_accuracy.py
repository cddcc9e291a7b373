from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.criteria import correct_needed


@pytest.mark.parametrize(
    ("threshold", "n", "needed"),
    [
        (1.0, 1, 1),
        (1.0, 421, 421),
        (0.995, 1000, 995),
        (0.995, 200, 199),
        (0.995, 199, 199),
        (0.99, 1, 1),
        (0.9, 10, 9),
    ],
)
def test_known_counts(threshold: float, n: int, needed: int) -> None:
    assert correct_needed(threshold, n) == needed


@given(st.integers(1, 100_000), st.integers(1, 1000))
def test_is_the_exact_ceiling_of_a_decimal_threshold(n: int, thousandths: int) -> None:
    exact = -(-Fraction(thousandths, 1000) * n // 1)
    assert correct_needed(thousandths / 1000, n) == exact
