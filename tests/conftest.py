"""Settings of every test."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from emc.engine import choose

settings.register_profile("emc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("emc")

# A shell's background jobs begin with SIGINT ignored, and so would all processes of the tests.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _every_back_end_may_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "_gave_way", set())
