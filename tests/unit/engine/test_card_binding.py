"""The driver's true binding and NVRTC's true kernels, on a driver that is made up.

What a card's driver would refuse of a call (types, sizes, addresses, limits, the form of a kernel)
this one refuses, too; only the kernel itself is the one that is built for the processor.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from emc.native.nvrtc import compiled
from emc.native.unavailable import UnavailableError

HERE = Path(__file__)
NOTHING = 'extern "C" __global__ void emc_persistent() {}\n'


def missing() -> str | None:
    try:
        compiled(NOTHING, "sm_90")
    except UnavailableError as error:
        return str(error)
    return None


@pytest.mark.skipif(missing() is not None, reason=str(missing()))
def test_the_driver_that_is_made_up_refuses_no_call(tmp_path: Path) -> None:
    """In a process of its own: a process has one driver. Torch finds no device in this one."""
    made, cases = tmp_path / "libcuda.so.1", HERE.with_name("on_stand_in_driver.py")
    build = ["c++", "-shared", "-fPIC", "-O1", "-Wl,-soname,libcuda.so.1", "-o", str(made)]
    subprocess.run([*build, str(HERE.with_name("stand_in_driver.cpp")), "-ldl"], check=True)
    unseen = ("-W", "ignore:CUDA initialization:UserWarning")
    folders = [str(tmp_path), os.environ.get("LD_LIBRARY_PATH", "")]
    found = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *unseen, str(cases)],
        env={
            **os.environ,
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders)),
            "EMC_CACHE_DIR": str(tmp_path / "cache"),
            "EMC_STAND_IN_CALLS": str(tmp_path / "calls"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "7 passed" in found.stdout
