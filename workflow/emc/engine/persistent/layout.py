"""How a net's numbers lie in the memory of a block."""

from typing import Protocol

from emc.engine.persistent.layers import LayersLayout
from emc.engine.persistent.transformer import TransformerLayout
from emc.nets.layers import Layers
from emc.nets.transformer import Transformer

BlockNet = Layers | Transformer
"""A net that blocks train."""


class Layout(Protocol):
    """What a block needs to know of a net."""

    @property
    def parameters(self) -> int:
        """How many train."""

    @property
    def classes(self) -> int:
        """How many logits there are."""

    @property
    def array_size(self) -> int:
        """Numbers of an array of parameters, with what lies between them."""

    @property
    def kept(self) -> int:
        """Numbers of four bytes that are kept of a sample."""

    @property
    def fewest_rows(self) -> int:
        """Samples that a block looks at at least."""

    @property
    def row_step(self) -> int:
        """Samples are looked at in whole numbers of as many."""

    @property
    def rows_outside(self) -> int:
        """Samples that a block looks at where they do not lie in its memory."""

    def chunk(self, rows: int) -> int:
        """Numbers of as many samples, and of what else lies beside them."""

    def code(self, rows: int) -> str:
        """The net in the kernel, for up to as many samples at a time."""


def layout_of(net: BlockNet) -> Layout:
    """How a net lies in a block."""
    return TransformerLayout(net) if isinstance(net, Transformer) else LayersLayout(net)
