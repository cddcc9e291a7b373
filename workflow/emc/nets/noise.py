"""Torch's global generators, lent to one replica of one thread at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_LENT = RLock()
"""Held while the generators are not the caller's: all threads of a process share them."""


class GeneratorState:
    """Where torch's generators of a device stand, to go on from there again."""

    def __init__(self, device: torch.device) -> None:
        """Note it."""
        self._cpu = torch.get_rng_state()
        self._gpu = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        self._device = device

    def restore(self) -> None:
        """Bring them back to it."""
        torch.set_rng_state(self._cpu)
        if self._gpu is not None:
            torch.cuda.set_rng_state(self._gpu, self._device)


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
