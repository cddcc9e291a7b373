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
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import IO, Final, NamedTuple

from emc.errors import MachineError

JOBS_PER_DEVICE = "EMC_GPU_JOBS_PER_DEVICE"
"""Environment variable: how many jobs may share a device (default 1)."""

CELLS_PER_JOB = "EMC_GPU_CELLS_PER_JOB"
"""Environment variable: how many cells of one net a job may train at once (default 1)."""

MODEL = "EMC_GPU_MODEL"
"""Environment variable: the model of the cards that jobs get, where planning sees none."""

_DRIVER: Final = Path("/proc/driver/nvidia/gpus")

_CARDS: Final = "nvidia[0-9]*"

log = logging.getLogger(__name__)


def visible_devices(
    environment: Mapping[str, str],
    nodes: Path = Path("/dev"),
    driver: Path = _DRIVER,
) -> dict[str, str]:
    """Devices this process may use: CUDA_VISIBLE_DEVICES where set, else every NVIDIA node.

    What its lock is named after, and how CUDA calls it. A lock has the number of the card's node,
    whether the card is named by its place among those that are there or by its UUID, of which
    `driver` tells the node; a part of a card (MIG) has a lock of its own. As CUDA reads the
    variable, an entry that names no device hides those behind it, and one that comes twice hides
    all. Windows lends its cards to Linux by one node, `dxg`: they count as one.
    """
    there = sorted((node.name.removeprefix("nvidia") for node in nodes.glob(_CARDS)), key=int)
    if not there and (nodes / "dxg").exists():
        there = ["0"]
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return {number: str(place) for place, number in enumerate(there)}
    words = [word.strip() for word in named.split(",")]
    known = list(takewhile(lambda word: _names_a_device(word, len(there)), words))
    if len(set(known)) < len(known):
        return {}
    return {_lock_name(word, there, driver): word for word in known}


def _names_a_device(word: str, there: int) -> bool:
    """Whether CUDA would take an entry for a device; `there` is 0 where no node can be seen."""
    if word.isdecimal():
        return not there or int(word) < there
    return word.startswith(("GPU-", "MIG-"))


def _lock_name(word: str, there: Sequence[str], driver: Path) -> str:
    if word.isdecimal():
        return there[int(word)] if there else word
    owners = [one.node for one in _told_cards(driver) if one.uuid.startswith(word)]
    return owners[0] if len(owners) == 1 else word


class _ToldCard(NamedTuple):
    """A card as the driver tells of it: UUID, number of its node, model."""

    uuid: str
    node: str
    model: str


def _told_cards(driver: Path) -> Iterator[_ToldCard]:
    """Each card, as NVIDIA's driver tells of it in /proc."""
    for file in sorted(driver.glob("*/information")):
        lines = (line.partition(":") for line in file.read_text().splitlines())
        fields = {key: value.strip() for key, colon, value in lines if colon}
        if {"GPU UUID", "Device Minor"} <= fields.keys():
            yield _ToldCard(fields["GPU UUID"], fields["Device Minor"], fields.get("Model", ""))


def visible_model(
    environment: Mapping[str, str], nodes: Path = Path("/dev"), driver: Path = _DRIVER
) -> str | None:
    """The model of the first device that a process may use, or None where there is none.

    No card is touched: a process keeps to the first that it takes. Where `EMC_GPU_MODEL` is set it
    is believed. "" is a device of which the driver does not tell; of a part (MIG) the card is told,
    after the word MIG.
    """
    if told := environment.get(MODEL, "").strip():
        return told
    devices = visible_devices(environment, nodes, driver)
    if not devices:
        return None
    cards = {one.node: one.model for one in _told_cards(driver)}
    lock, word = next(iter(devices.items()))
    if word.startswith("MIG-"):
        return f"MIG {next(iter(cards.values()), '')}".strip()
    return cards.get(lock, "")


def jobs_per_device(environment: Mapping[str, str]) -> int:
    """How many jobs may share a device. Raises MachineError where that is said wrongly."""
    return _count(environment, JOBS_PER_DEVICE)


def cells_per_job(environment: Mapping[str, str]) -> int:
    """How many cells a job on a card may train at once. Raises as `jobs_per_device` does."""
    return _count(environment, CELLS_PER_JOB)


def _count(environment: Mapping[str, str], variable: str) -> int:
    """What a variable says, 1 by default.

    Raises:
        MachineError: it is not a positive whole number.
    """
    text = environment.get(variable, "1")
    if not text.isdecimal() or int(text) < 1:
        raise MachineError(f"{variable}: expected a whole number from 1, found {text!r}")
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
