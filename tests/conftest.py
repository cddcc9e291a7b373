"""Settings of every test."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# The same examples each time: `HYPOTHESIS_PROFILE=explore pytest ...` looks for new ones.
settings.register_profile(
    "emc", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
settings.register_profile("explore", settings.get_profile("emc"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "emc"))

# A shell's background jobs begin with SIGINT ignored, and so would all processes of the tests;
# other callers ignore SIGTERM.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)

# Small nets on several threads are slower, and sum in another order; read as torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _torch_draws_the_same() -> None:
    """Whichever tests ran before in the same process."""
    import torch

    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _every_back_end_may_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    from emc.engine import choose

    monkeypatch.setattr(choose, "_gave_way", {})
    monkeypatch.setattr(choose, "_chosen", {})
