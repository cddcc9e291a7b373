"""What a measurement says while it runs."""

import logging
from dataclasses import replace

import pytest

from emc.measurement import progress as progress_module
from emc.measurement.progress import reporter
from emc.search import Answer


def answer(low: float, high: float, *, saturated: bool = False, below: bool = False) -> Answer:
    return Answer(
        emc50=400.0,
        low=low,
        high=high,
        emc50_budget=400.0,
        low_budget=low,
        high_budget=high,
        low_any_curve=None,
        high_any_curve=None,
        one_curve=True,
        misfit=None,
        unfitted_decided=None,
        open_matters=False,
        width=1.5,
        saturated=saturated,
        below_smallest=below,
        tolerance_reached=False,
        emc_walk=None,
        best_lr=0.1,
        rate_at_edge=None,
        rates=(),
    )


UNKNOWN = replace(answer(100.0, 400.0), emc50=None, high=None)
"""Open runs leave no upper end."""


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (answer(300.0, 500.0), "round 3: emc50 400 [300, 500], 24 probes"),
        (answer(400.0, 1600.0, saturated=True), "round 3: emc50 at least 400, 24 probes"),
        (answer(100.0, 400.0, below=True), "round 3: emc50 at most 400, 24 probes"),
        (UNKNOWN, "round 3: emc50 open [100, no end], 24 probes"),
        (replace(UNKNOWN, below_smallest=True), "round 3: emc50 open [100, no end], 24 probes"),
    ],
    ids=["exact", "lower bound", "upper bound", "open", "open below the smallest"],
)
def test_a_round_is_told_with_its_interval_or_as_a_bound(
    caplog: pytest.LogCaptureFixture, found: Answer, said: str
) -> None:
    with caplog.at_level(logging.INFO), reporter("one", 0.05, 200, bar=False) as progress:
        progress(3, 24, lambda: found)
    assert caplog.messages == ["one: wanted within 5.0 %, at most 200 probes", said]


def test_answers_that_take_long_are_made_seldom(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round per second; an answer takes an eighth of one, so that 12.5 seconds pass between."""
    now = 0.0
    monkeypatch.setattr(progress_module, "monotonic", lambda: now)

    def made() -> Answer:
        nonlocal now
        now += 0.125
        return answer(300.0, 500.0)

    with caplog.at_level(logging.INFO), reporter("one", 0.05, 200, bar=False) as progress:
        for number in range(30):
            progress(number, number + 1, made)
            now += 1.0
    assert [line.split(":")[0] for line in caplog.messages[1:]] == [
        f"round {number}" for number in (0, 13, 26)
    ]
