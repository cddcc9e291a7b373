"""How vision transformers lie in a block: mirrors `kernel/block_transformer.hpp`."""

from dataclasses import dataclass
from typing import Final

from emc.engine.persistent.sizes import arrays_of, dense_size, odd
from emc.native.activation import structure_name
from emc.nets.transformer import Transformer

_ROWS_OUTSIDE: Final = 4
"""Images that a block looks at where they lie outside of it: their tokens are rows enough."""


@dataclass(frozen=True, slots=True)
class TransformerLayout:
    """As `Layout` says; each image has as many rows of numbers as tokens."""

    net: Transformer

    fewest_rows = 1
    row_step = 1
    rows_outside = _ROWS_OUTSIDE

    @property
    def parameters(self) -> int:
        """As `Layout` says."""
        return self.net.size

    @property
    def classes(self) -> int:
        """As `Layout` says."""
        return self.net.classes

    @property
    def array_size(self) -> int:
        """As `Layout` says."""
        net, width = self.net, self.net.width
        norm, square = 2 * width, dense_size(width, width)
        mlp = dense_size(width, 4 * width) + dense_size(4 * width, width)
        encoder = 2 * norm + 2 * square + dense_size(width, 2 * width) + mlp
        ends = dense_size(net.pixels, width) + norm + dense_size(width, net.classes)
        return (1 + net.tokens) * width + net.depth * encoder + ends

    @property
    def kept(self) -> int:
        """As `Layout` says."""
        net, row = self.net, odd(self.net.width)
        inputs = (net.tokens - 1) * odd(net.pixels)
        encoders = (net.depth - 1) * self._of_encoder(net.tokens) + self._of_encoder(1)
        head = odd(net.width + 1) + odd(net.classes)
        return inputs + 1 + 2 * net.tokens * row + encoders + head

    def chunk(self, rows: int) -> int:
        """As `Layout` says."""
        return rows * self.kept

    def code(self, rows: int) -> str:
        """As `Layout` says."""
        net = self.net
        sizes = (net.colours, net.side, net.patch, net.depth, net.width, net.heads)
        told = (rows, *sizes, structure_name(net.activation), net.classes)
        return f"BlockTransformer<{', '.join(map(str, told))}>"

    def _of_encoder(self, queries: int) -> int:
        """Numbers that an encoder keeps of a sample, as many of whose tokens look at all."""
        net, row, normed = self.net, odd(self.net.width), odd(self.net.width + 1)
        of_token = normed + odd(2 * net.width)
        hidden = arrays_of(net.activation) * odd(4 * net.width)
        of_query = 2 * row + net.heads * odd(net.tokens) + normed + hidden
        return net.tokens * of_token + queries * of_query
