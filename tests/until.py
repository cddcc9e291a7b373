"""Waiting for what other processes do, with an end."""

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 300.0

T = TypeVar("T")


def until(look: Callable[[], T], expected: str) -> T:
    """Look again and again, and give what was seen at last.

    Raises:
        AssertionError: there was nothing to see in time.
    """
    end = time.monotonic() + SECONDS
    while not (seen := look()):
        assert time.monotonic() < end, f"expected {expected} within {SECONDS:.0f} s"
        time.sleep(0.01)
    return seen


def until_other(look: Callable[[], T], before: T, expected: str) -> None:
    """Look until something else is seen than before."""
    until(lambda: look() != before, expected)
