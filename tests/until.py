"""Waiting for what other processes do, with an end."""

import signal
import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

SECONDS = 300.0

T = TypeVar("T")


def until(look: Callable[[], T | None], expected: str, pause: float = 0.01) -> T:
    """Look again after each `pause` in seconds, and give what was seen at last.

    Raises:
        AssertionError: there was nothing to see in time.
    """
    end = time.monotonic() + SECONDS
    while not (seen := look()):
        assert time.monotonic() < end, f"expected {expected} within {SECONDS:.0f} s"
        time.sleep(pause)
    return seen


def until_other(look: Callable[[], T], before: T, expected: str) -> None:
    """Look until something else is seen than before."""
    until(lambda: look() != before, expected)


def interrupted(process: subprocess.Popen[str]) -> str:
    """The last line of a process that says "ready" and then works until it is interrupted.

    It is asked again and again: a library may take the first signal for an error of its own.
    """
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    def asked() -> bool:
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    until(asked, "an end")
    return process.stdout.read().splitlines()[-1]
