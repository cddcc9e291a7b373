"""Torch's global generators, lent to one replica of one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_LENT = RLock()
"""Held while the generators are not the caller's: all threads of a process share them."""


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Let torch's generators begin at `seed` within, and go on afterwards from where they were.

    Initial weights, dropout and all else that draws without a generator of its own draws from
    them. Another thread that asks for them waits until they are given back.
    """
    on_gpu = torch.device(device).type == "cuda"
    devices = [torch.cuda.current_device()] if on_gpu else []
    with _LENT, torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield
