"""Which device to train on, found without torch where there is nothing to find."""

import os
from pathlib import Path

from emc.errors import EmcError

DEVICES = ("auto", "cpu", "cuda")

_NODES = ("nvidia[0-9]*", "kfd", "dxg")
"""What a driver leaves in /dev: NVIDIA's own, AMD's, and the one that Windows lends to Linux."""


def resolve(device: str, nodes: Path = Path("/dev")) -> str:
    """The device that "auto", "cpu" or "cuda" means here: "cpu" or "cuda".

    Importing torch costs seconds, so "auto" asks it only where a GPU is possible: the environment
    does not hide them all (CUDA_VISIBLE_DEVICES empty or -1) and `nodes` has one. A system
    without these nodes, such as macOS, has no CUDA.

    Raises:
        EmcError: the word is not known, or "cuda" is asked for and there is none.
    """
    if device not in DEVICES:
        raise EmcError(f"device: expected one of {', '.join(DEVICES)}, found {device!r}")
    if device == "cpu" or (device == "auto" and not _possible(nodes)):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if device == "cuda":
        raise EmcError("device 'cuda' is asked for, but torch finds no GPU; 'auto' takes the CPU")
    return "cpu"


def _possible(nodes: Path) -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}:
        return False
    return any(next(nodes.glob(pattern), None) for pattern in _NODES)
