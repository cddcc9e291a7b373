"""Which machine this is, as far as it decides how fast cells are, and what is known of its pace."""

import os
import platform
from pathlib import Path

from emc.jobs.cards import visible_model
from emc.measurement.software import software
from emc.store.paces import Paces, paces_file, read_paces
from emc.study.identity import PROTOCOL


def known_paces(device: str) -> Paces:
    """What earlier calibrations of this machine found.

    Raises:
        FileError: their file is damaged.
    """
    return read_paces(paces_file(machine(device)))


def machine(device: str) -> str:
    """The processor, the device, the versions and the protocol, which decide how fast cells are."""
    place = f"cuda on {visible_model(os.environ)}" if device == "cuda" else device
    return f"{_processor()}, {place}, {software()}, protocol {PROTOCOL}"


def _processor() -> str:
    """Its model."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())
