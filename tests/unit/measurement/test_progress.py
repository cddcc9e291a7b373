"""What a measurement says while it runs."""

import logging

import pytest

from emc.measurement.progress import reporter
from emc.search import Answer


def answer(*, saturated: bool) -> Answer:
    return Answer(
        emc50=400.0,
        low=400.0 if saturated else 300.0,
        high=1600.0 if saturated else 500.0,
        width=1.5,
        saturated=saturated,
        below_smallest=False,
        tolerance_reached=False,
        emc50_without_censored=400.0,
        emc_walk=None,
        best_lr=0.1,
        rates=(),
    )


@pytest.mark.parametrize(
    ("saturated", "said"),
    [
        (False, "round 3: emc50 400 [300, 500], 24 probes"),
        (True, "round 3: emc50 at least 400, 24 probes"),
    ],
)
def test_a_round_is_told_with_its_interval_or_as_a_bound(
    caplog: pytest.LogCaptureFixture, saturated: bool, said: str
) -> None:
    with caplog.at_level(logging.INFO), reporter("one", 0.05, 200) as progress:
        progress(3, 24, lambda: answer(saturated=saturated))
    assert caplog.messages == ["one: wanted within 5.0 %, at most 200 probes", said]
