"""Streams: the same for ever, and another for every other word."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emc.seeds import derive, generator

PARTS = st.lists(
    st.one_of(st.integers(), st.text(st.characters(exclude_categories=["Cs", "Cc"]))), max_size=4
)


@pytest.mark.parametrize(
    ("parts", "seed"),
    [
        ((), 6510301506637419378),
        (("cell", 0, 0), 4280103892224254430),
        (("cell", 0, 1), 245765031116127933),
        (("cell", 1, 0), 5915202762727434270),
        ((0, "samples"), 4526463415374317060),
        (("\u00fc",), 1988230250601838762),
    ],
)
def test_seeds_stay_what_they_are(parts: tuple[object, ...], seed: int) -> None:
    """A changed seed changes every probe: raise PROTOCOL in emc.study.identity with it."""
    assert derive(*parts) == seed


def test_streams_stay_what_they_are() -> None:
    draws = generator("cell", 0).integers(2**62, size=3)
    assert draws.tolist() == [3942920236059046132, 348252667047208668, 3114617131203366065]


@given(PARTS)
def test_seeds_fit_a_signed_64_bit_integer(parts: list[object]) -> None:
    assert 0 <= derive(*parts) < 2**63


@given(PARTS, PARTS)
def test_other_parts_give_another_seed(one: list[object], other: list[object]) -> None:
    same = [str(part) for part in one or [""]] == [str(part) for part in other or [""]]
    assert (derive(*one) == derive(*other)) == same


def test_parts_do_not_run_together() -> None:
    assert len({derive("ab", "c"), derive("a", "bc"), derive("abc"), derive("abc", "")}) == 4


def test_a_number_and_its_text_are_one_part() -> None:
    assert derive("cell", 7) == derive("cell", "7")


def test_streams_are_independent() -> None:
    draws = np.array([generator("probe", k).standard_normal(2000) for k in range(8)])
    correlations = np.corrcoef(draws)[~np.eye(8, dtype=bool)]
    assert np.abs(correlations).max() < 5 / 2000**0.5
