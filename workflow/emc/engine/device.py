"""Which device to train on, found without torch where there is nothing to find."""

import logging
import os
from pathlib import Path

from emc.errors import EmcError, one_line

log = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda")

_NODES = ("nvidia[0-9]*", "kfd", "dxg")
"""What a driver leaves in /dev: NVIDIA's own, AMD's, and the one that Windows lends to Linux."""


def resolve(device: str, nodes: Path = Path("/dev")) -> str:
    """The device that "auto", "cpu" or "cuda" means here: "cpu" or "cuda".

    Importing torch costs seconds, so "auto" asks it only where a GPU is possible: the environment
    does not hide them all (CUDA_VISIBLE_DEVICES empty or -1) and `nodes` has one. A system
    without these nodes, such as macOS, has no CUDA. Where there is a node and torch finds no GPU,
    "auto" takes the processor and warns of it.

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
    reason = _why_not()
    if device == "cuda":
        raise EmcError(
            f"device 'cuda': expected a GPU that torch can use, found none ({reason}); 'auto' takes"
            " the CPU"
        )
    log.warning(
        "a driver has left GPU nodes in %s, but torch finds no GPU: training on the processor (%s);"
        " to hold no GPU meanwhile, leave out --resources gpu=, or set CUDA_VISIBLE_DEVICES to"
        " nothing",
        nodes,
        reason,
    )
    return "cpu"


def card_of(device: str) -> str | None:
    """The model of the GPU that a process computes on, such as "NVIDIA H200"; None on the CPU."""
    if device == "cpu":
        return None
    import torch

    return torch.cuda.get_device_name()


def _why_not() -> str:
    """Why torch, which is loaded, finds no GPU."""
    import torch

    if torch.version.cuda is None:
        return f"torch {torch.__version__} is built without CUDA"
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (AssertionError, RuntimeError) as error:
        return one_line(error)
    return f"none that CUDA_VISIBLE_DEVICES={os.environ.get('CUDA_VISIBLE_DEVICES')} names"


def _possible(nodes: Path) -> bool:
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in {"", "-1"}:
        return False
    return any(next(nodes.glob(pattern), None) for pattern in _NODES)
