"""Where a machine keeps what it need not find out twice: kernels, and how fast it is."""

import os
from pathlib import Path

from emc.errors import MachineError


def cache_folder() -> Path:
    """`$EMC_CACHE_DIR`, else `$XDG_CACHE_HOME/emc`, else `~/.cache/emc`.

    Raises:
        MachineError: there is no home directory, and none of the variables is set.
    """
    if chosen := os.environ.get("EMC_CACHE_DIR"):
        return Path(chosen)
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError as error:
        raise MachineError("no home directory for a cache: set EMC_CACHE_DIR") from error
    return base / "emc"
