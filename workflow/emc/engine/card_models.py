"""What NVIDIA says of its cards: how many products they make at once, and in what memory.

Sources: the data sheets and architecture papers of the cards, and the CUDA C++ Programming Guide's
table of compute capabilities. None of it was measured here.
"""

from dataclasses import dataclass, replace
from typing import Final

from emc.engine.persistent.launch import CardLimits

_PARTS: Final = 7
"""Of a card that is split (MIG) the smallest has a seventh."""
_BESIDE: Final = 1
"""Kilobytes of a multiprocessor's memory that a block cannot have."""


@dataclass(frozen=True, slots=True)
class CardModel:
    """A kind of card; `listed` is False where it stands for one that nothing is known of.

    A multiprocessor takes `lanes` products of float32 numbers at a time, at `gigahertz` at most,
    and has `kilobytes` that blocks share.
    """

    name: str
    multiprocessors: int
    lanes: int
    gigahertz: float
    kilobytes: int
    listed: bool = True

    @property
    def products(self) -> float:
        """Products per second at most."""
        return self.multiprocessors * self.lanes * self.gigahertz * 1e9

    @property
    def limits(self) -> CardLimits:
        """What it offers to blocks, but for the memory that is free."""
        return CardLimits(
            block_memory=1024 * (self.kilobytes - _BESIDE),
            shared_memory=1024 * self.kilobytes,
            multiprocessors=self.multiprocessors,
            free_memory=0,
        )


_MODELS: Final = (
    CardModel("V100", 80, 64, 1.53, 96),
    CardModel("T4", 40, 64, 1.59, 64),
    CardModel("A100", 108, 64, 1.41, 164),
    CardModel("A10", 72, 128, 1.695, 100),
    CardModel("A40", 84, 128, 1.74, 100),
    CardModel("L4", 58, 128, 2.04, 100),
    CardModel("L40S", 142, 128, 2.52, 100),
    CardModel("H100 PCIe", 114, 128, 1.755, 228),
    CardModel("H100", 132, 128, 1.98, 228),
    CardModel("H200", 132, 128, 1.98, 228),
    CardModel("RTX 3090", 82, 128, 1.695, 100),
    CardModel("RTX 4090", 128, 128, 2.52, 100),
)
"""Where words of one are words of another, the one with more words first."""
_SMALLEST: Final = min(_MODELS, key=lambda model: model.products)


def card_model(told: str) -> CardModel:
    """The model that a driver's words name, such as "NVIDIA H100 80GB HBM3".

    One that is not listed counts as the slowest that is; of a part (MIG) the smallest is assumed.
    """
    words = told.replace("-", " ").split()
    found = next((one for one in _MODELS if set(one.name.split()) <= set(words)), None)
    model = replace(found or _SMALLEST, name=told, listed=found is not None)
    if "MIG" not in words:
        return model
    return replace(model, multiprocessors=max(1, model.multiprocessors // _PARTS))
