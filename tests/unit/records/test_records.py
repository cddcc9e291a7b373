"""The words of the measurement are part of every file: they stay what they are."""

from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.store.examples import estimates, finishes, probe, run

from emc.records import (
    THRESHOLDS,
    Ended,
    Estimate,
    Finish,
    Outcome,
    RateEstimate,
    Verdict,
    told_end,
)


def test_words() -> None:
    assert [*Outcome] == ["fit", "finished", "minimum", "open", "diverged"]
    assert [*Ended] == ["fit", "stationary", "budget", "diverged"]
    assert [*Verdict] == [
        "minimum",
        "fitted, gradient vanishing",
        "saddle",
        "unconverged",
        "inconclusive",
    ]
    assert THRESHOLDS == (0.90, 0.99, 0.995, 1.0)


def test_every_outcome_has_its_own_meaning() -> None:
    assert len({outcome.meaning for outcome in Outcome}) == len(Outcome)


def test_a_word_reads_as_its_outcome() -> None:
    assert Outcome("open") is Outcome.OPEN
    with pytest.raises(ValueError, match="'unfinished' is not a valid Outcome"):
        Outcome("unfinished")


def test_records_never_change() -> None:
    rate = RateEstimate(lr=0.1, emc50=20.0, low=18.0, high=22.0, probes=40)
    with pytest.raises(FrozenInstanceError, match="emc50"):
        rate.emc50 = 21.0  # type: ignore[misc]


@given(estimates, st.floats(min_value=1, max_value=8, exclude_min=True))
def test_of_n_beyond_the_data_nothing_is_told(found: Estimate, factor: float) -> None:
    end = 8 * found.samples_available
    told = replace(
        found,
        emc50=end / 2,
        low=end / 4,
        high=end * factor,
        emc50_budget=end / 3,
        low_budget=end / 6,
        high_budget=end * factor,
        saturated=False,
        below_smallest=False,
        tolerance_reached=True,
        samples_available=end,
        rates=(
            RateEstimate(0.1, end / 2, end / 4, end * 0.75, 4),
            RateEstimate(0.2, end, end, end * factor, 4),
            RateEstimate(0.3, 2.0 * end, end / 4, 3.0 * end, 4),
        ),
    )
    exact = told.within_data
    assert exact.fault is None
    assert exact.within_data == exact
    assert (exact.emc50, exact.low, exact.high) == (end / 2, end / 4, None)
    assert not exact.saturated
    assert not exact.tolerance_reached
    assert (exact.emc50_budget, exact.low_budget, exact.high_budget) == (end / 3, end / 6, None)
    assert [rate.high for rate in exact.rates] == [end * 0.75, None, None]
    assert [rate.emc50 for rate in exact.rates] == [end / 2, end, end]
    beyond = replace(told, emc50=end * 1.5, high=end * 12.0).within_data
    surely = replace(told, emc50=end, low=end, high=end * 4.0, saturated=True).within_data
    for bound in (beyond, surely):
        assert bound.fault is None
        assert (bound.emc50, bound.high, bound.saturated) == (end, None, True)
        assert not bound.tolerance_reached


@given(estimates)
def test_an_interval_keeps_its_ends_between_one_and_the_data(found: Estimate) -> None:
    told = replace(
        found,
        emc50=20.0,
        low=15.0,
        high=30.0,
        saturated=False,
        below_smallest=False,
        tolerance_reached=True,
        emc50_budget=10.0,
        low_budget=9.0,
        high_budget=11.0,
        low_any_curve=12.0,
        high_any_curve=40.0,
        samples_available=100,
        rates=(),
    )
    assert told.within_data == told
    assert replace(told, low=0.8).within_data.low is None
    assert replace(told, low=0.8).within_data.tolerance_reached


@given(estimates)
def test_an_upper_bound_has_no_lower_end(found: Estimate) -> None:
    rates = (RateEstimate(0.1, 10.0, 4.0, 10.0, 5), RateEstimate(0.2, 12.0, 10.5, 14.0, 5))
    bound = replace(
        found,
        emc50=10.0,
        low=4.0,
        high=10.0,
        saturated=False,
        below_smallest=True,
        samples_available=100,
        rates=rates,
    ).within_data
    assert bound.fault is None
    assert (bound.emc50, bound.low, bound.high) == (10.0, None, 10.0)
    assert [rate.low for rate in bound.rates] == [None, 10.5]


NUMBERS = {"emc50": 50.0, "low": 40.0, "high": 60.0}
BUDGET = {"emc50_budget": 20.0, "low_budget": 15.0, "high_budget": 25.0}
ENDED = {"emc50": 100.0, "low": 100.0, "high": None, "saturated": True}
ENDED_BUDGET = {"emc50_budget": 100.0, "low_budget": 100.0, "high_budget": None}
BELOW = {"emc50": 2.0, "low": None, "high": 2.0, "below_smallest": True}
BELOW_BUDGET = {"emc50_budget": 2.0, "low_budget": None, "high_budget": 2.0}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, ""),
        (ENDED, "; the number at minima is a lower bound: the data ended first"),
        (ENDED | ENDED_BUDGET, "; each is a lower bound: the data ended first"),
        (
            BELOW_BUDGET,
            "; the number within the budget is an upper bound: the n tried are too large to tell"
            " more",
        ),
        (
            {"emc50_budget": 15.0, "high_budget": None},
            "; the number within the budget is a lower bound: the n tried are too small to tell"
            " more",
        ),
        (
            BELOW | BELOW_BUDGET,
            "; each is an upper bound: not even the smallest n tried is fitted half of the time",
        ),
        (
            BELOW | BELOW_BUDGET | {"emc50": None, "high": None},
            "; the number within the budget is an upper bound: not even the smallest n tried is"
            " fitted half of the time",
        ),
    ],
    ids=["none", "minima", "both", "budget", "short", "below", "open"],
)
@given(estimates)
def test_each_number_says_whether_it_is_a_bound(
    changes: dict[str, Any], told: str, found: Estimate
) -> None:
    plain: dict[str, Any] = {"saturated": False, "below_smallest": False, "samples_available": 100}
    text = replace(found, **(plain | NUMBERS | BUDGET | changes)).told
    assert text.partition(" samples")[2] == told


@pytest.mark.parametrize(("end", "told"), [(None, "no end"), (1234.6, "1235"), (0.5, "0.5")])
def test_an_end_that_is_not_known_is_named(end: float | None, told: str) -> None:
    assert told_end(end, 4) == told


@pytest.mark.parametrize(
    ("ended", "outcome", "fits"),
    [
        (Ended.FIT, Outcome.FIT, True),
        (Ended.STATIONARY, Outcome.OPEN, None),
        (Ended.BUDGET, Outcome.OPEN, None),
        (Ended.DIVERGED, Outcome.DIVERGED, False),
    ],
)
def test_without_a_finish_only_fits_and_divergence_are_decided(
    ended: Ended, outcome: Outcome, fits: bool | None
) -> None:
    found = probe(0, 0, run=run(ended=ended))
    assert (found.outcome, found.outcome.fits_at_minimum) == (outcome, fits)


@given(finishes)
def test_a_finish_decides_a_run_that_did_not_fit(finish: Finish) -> None:
    found = probe(0, 0, run=run(ended=Ended.BUDGET), finish=finish)
    assert found.outcome is finish.outcome
    assert replace(found, finish=None).outcome is Outcome.OPEN
