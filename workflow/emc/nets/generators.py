"""The global random generators that a module may draw from, all of them."""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from emc.nets.noise import seeded

_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class GeneratorStates:
    """Where the generators stand."""

    by_name: Mapping[str, object]

    @classmethod
    def now(cls, device: torch.device) -> "GeneratorStates":
        """As they are: "torch" (on a device, too), "numpy" and "random"."""
        torchs = [torch.get_rng_state()]
        if device.type == "cuda":
            torchs.append(torch.cuda.get_rng_state())
        _, words, place, *_ = np.random.get_state()
        numbers = {
            "torch": torch.cat(torchs).numpy().tobytes(),
            "numpy": (np.asarray(words).tobytes(), place),
            "random": random.getstate(),
        }
        return cls(numbers)

    def moved(self, device: torch.device) -> tuple[str, ...]:
        """Names of those that were drawn from since."""
        now = GeneratorStates.now(device).by_name
        return tuple(name for name, state in self.by_name.items() if state != now[name])


def seed_all(device: torch.device) -> None:
    """Let all begin at one seed."""
    torch.default_generator.manual_seed(_SEED)
    if device.type == "cuda":
        torch.cuda.manual_seed(_SEED)
    np.random.seed(_SEED)
    random.seed(_SEED)


@contextmanager
def generators_kept(device: torch.device) -> Iterator[None]:
    """Let all go on afterwards from where they were."""
    kept = random.getstate(), np.random.get_state()
    try:
        with seeded(_SEED, device):
            yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])
