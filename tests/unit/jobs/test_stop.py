"""Being asked to stop: real processes, real signals."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from emc.errors import EXIT_INTERRUPTED

ROOT = Path(__file__).parents[3]

BEGIN = """
    import logging, sys, time
    from emc.errors import Stopped
    from emc.cli.boundary import guarded
    from emc.jobs import stop as module
    from emc.jobs.stop import stop_on_signal
    logging.basicConfig()
    def ready():
        print("ready", flush=True)
"""
SAVES = """
    def work():
        with stop_on_signal() as stop, stop.saving():
            ready()
            while not stop.is_set():
                time.sleep(0.01)
            print("saved", flush=True)
            raise Stopped("12 probes are saved")
"""
IMPATIENT = """
    module._SECONDS_TO_SAVE, module._SECONDS_FOR_LAST_WORDS = 1.0, 0.2
"""
NEVER_LOOKS = f"""{IMPATIENT}
    def work():
        with stop_on_signal() as stop, stop.saving():
            ready()
            time.sleep(600)
"""
HAS_NOTHING_TO_SAVE = f"""{IMPATIENT}
    def work():
        with stop_on_signal():
            ready()
            time.sleep(600)
"""
IN_A_LIBRARY = f"""{IMPATIENT}
    import numpy
    def work():
        with stop_on_signal():
            ready()
            numpy.linalg.svd(numpy.random.default_rng(1).normal(size=(5000, 5000)))
"""
END = """
    raise SystemExit(guarded(work))
"""


def run(work: str, sign: signal.Signals) -> tuple[int, str, str]:
    """Signal a process that works; its exit code and what it printed."""
    program = dedent(BEGIN) + dedent(work) + dedent(END)
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(sign)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_work_that_saves_ends_by_itself(sign: signal.Signals) -> None:
    code, out, err = run(SAVES, sign)
    assert (code, out) == (EXIT_INTERRUPTED, "saved\n")
    assert f"{sign.name}: stopping" in err
    assert err.endswith("stopped: 12 probes are saved\n")


@pytest.mark.parametrize("work", [NEVER_LOOKS, HAS_NOTHING_TO_SAVE, IN_A_LIBRARY])
def test_work_that_does_not_listen_is_ended(work: str) -> None:
    code, _, err = run(work, signal.SIGTERM)
    assert code == EXIT_INTERRUPTED == 75
    assert "SIGTERM: stopping" in err


def test_handlers_are_given_back() -> None:
    from emc.jobs.stop import stop_on_signal

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with stop_on_signal() as stop:
        assert signal.getsignal(signal.SIGTERM) is not before[0]
        assert not stop.is_set()
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
