"""One job, one GPU: a lock per visible device, held for as long as the process lives.

Snakemake counts GPUs but assigns none. A job that wants one takes the first free lock among the
devices it may see and sets CUDA_VISIBLE_DEVICES before torch is imported; the kernel frees the
lock even after SIGKILL.
"""

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO

from emc.errors import MachineError

JOBS_PER_DEVICE = "EMC_GPU_JOBS_PER_DEVICE"
"""Environment variable: how many jobs may share a device (default 1)."""

log = logging.getLogger(__name__)


def visible_devices(environment: Mapping[str, str], nodes: Path = Path("/dev")) -> dict[str, str]:
    """Devices this process may use: CUDA_VISIBLE_DEVICES where set, else every NVIDIA node.

    What its lock is named after, and how CUDA calls it: CUDA numbers those that are there from 0,
    while a container may hold the node of card 3 only. As CUDA reads the variable, an entry that
    names no device hides those behind it.
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        words = (word.strip() for word in named.split(","))
        return {word: word for word in takewhile(lambda word: word not in {"", "-1"}, words)}
    numbers = (node.name.removeprefix("nvidia") for node in nodes.glob("nvidia[0-9]*"))
    return {number: str(place) for place, number in enumerate(sorted(numbers, key=int))}


def jobs_per_device(environment: Mapping[str, str]) -> int:
    """How many jobs may share a device.

    Raises:
        MachineError: the environment variable is not a positive whole number.
    """
    text = environment.get(JOBS_PER_DEVICE, "1")
    if not text.isdecimal() or int(text) < 1:
        raise MachineError(f"{JOBS_PER_DEVICE}: expected a whole number from 1, found {text!r}")
    return int(text)


@contextmanager
def one_card(locks: Path | None = None, poll_seconds: float = 2.0) -> Iterator[str | None]:
    """Hold one visible device, or None where there is none; wait while all are taken.

    Raises:
        MachineError: the environment says wrongly how many jobs may share a device.
    """
    devices, shares = visible_devices(os.environ), jobs_per_device(os.environ)
    if not devices:
        yield None
        return
    folder = locks or lock_folder(os.environ)
    folder.mkdir(parents=True, exist_ok=True)
    device, held = _take(devices, shares, folder, poll_seconds)
    with held:
        os.environ["CUDA_VISIBLE_DEVICES"] = device
        log.info("running on GPU %s", device)
        yield device


def lock_folder(environment: Mapping[str, str]) -> Path:
    """Where the locks lie: one folder per user and, since each numbers its own, per SLURM job."""
    allocation = environment.get("SLURM_JOB_ID", "local")
    return Path(tempfile.gettempdir()) / f"emc-gpu-locks-{os.getuid()}-{allocation}"


def _take(
    devices: Mapping[str, str], shares: int, folder: Path, poll_seconds: float
) -> tuple[str, IO[bytes]]:
    told = False
    while True:
        for share in range(shares):
            for name, device in devices.items():
                if held := _lock(folder / f"{name.replace('/', '_')}.{share}.lock"):
                    return device, held
        if not told:
            log.warning("all of GPU %s are taken: waiting (see --resources gpu=)", list(devices))
            told = True
        time.sleep(poll_seconds)


def _lock(path: Path) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
