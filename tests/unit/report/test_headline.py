"""Numbers as a reader wants them."""

import pytest

from emc.report.headline import _duration, _large


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (3.213, "3.21 seconds"),
        (119, "119 seconds"),
        (5400, "90 minutes"),
        (86_400, "24 hours"),
        (864_000, "10 days"),
    ],
)
def test_durations(seconds, text):
    assert _duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999_999, "999,999"),
        (1.5e6, "1.5 million"),
        (2e9, "2 billion"),
        (3.24e12, "3.24 trillion"),
    ],
)
def test_large_numbers(count, text):
    assert _large(count) == text
