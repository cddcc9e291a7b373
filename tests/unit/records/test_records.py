"""The words of the measurement are part of every file: they stay what they are."""

from dataclasses import FrozenInstanceError

import pytest

from emc.records import THRESHOLDS, Outcome, RateEstimate, Verdict


def test_words() -> None:
    assert [*Outcome] == ["fit", "stuck", "censored", "diverged"]
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
    assert Outcome("stuck") is Outcome.STUCK
    with pytest.raises(ValueError, match="'unfinished' is not a valid Outcome"):
        Outcome("unfinished")


def test_records_never_change() -> None:
    rate = RateEstimate(lr=0.1, emc50=20.0, low=18.0, high=22.0, probes=40)
    with pytest.raises(FrozenInstanceError, match="emc50"):
        rate.emc50 = 21.0  # type: ignore[misc]
