"""Clocks of a block's tiles, counted from the kernels' source: no card has been timed."""

from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.layers import of_images, parts
from emc.engine.persistent.layout import BlockNet
from emc.nets.layers import TAPS, Conv, Dense, Layers
from emc.nets.transformer import Transformer

BARRIER: Final = 300
"""Clocks from the end of a part of a step to the next one's first product."""
_CHANNELS: Final = 4
"""Of a tile of 2x2 pixels."""
_ATTENDED: Final = 4
"""Numbers that an item of attention sums up at a time."""
_WARP: Final = 32
_LATENCY: Final = 40
"""Clocks from one product of a tile to the next where a block is alone."""


def of_chunk(net: BlockNet, load: int, samples: int) -> float:
    """Clocks of training on as many samples at a time, and of their evaluation.

    A warp's loads take `load` clocks each.
    """
    if isinstance(net, Transformer):
        return _Tokens(load, samples, net).clocks()
    count = _Images if of_images(net) else _Rows
    return count(load, samples).clocks(net)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Clocks of `rows` samples, as `kernel/block_dense.hpp` cuts products into tiles.

    Each thread makes tile after tile. A warp's loads take `load` clocks each.
    """

    load: int
    rows: int

    def clocks(self, layers: Layers) -> float:
        """Of training on them, and of their evaluation."""
        there = sum(map(self.forward, layers))
        back = sum(map(self.gradient, layers)) + sum(map(self.input_delta, layers[1:]))
        return 2 * there + back

    def forward(self, layer: Dense | Conv) -> float:
        """Of a layer's outputs."""
        return self._tiles(self.rows, layer.outputs, layer.inputs, 4, _wide(layer.outputs))

    def gradient(self, layer: Dense | Conv) -> float:
        """Of the gradient by its parameters."""
        side = 4 if (layer.inputs + 1) * layer.outputs >= 4096 else 2
        return self._tiles(layer.inputs + 1, layer.outputs, self.rows, side, side)

    def input_delta(self, layer: Dense | Conv) -> float:
        """Of the gradient by its inputs."""
        return self._tiles(self.rows, layer.inputs, layer.outputs, 4, _wide(layer.inputs))

    def _tiles(self, rows: int, columns: int, depth: int, high: int, wide: int) -> float:
        """Clocks of a product of `depth` steps."""
        return self.loop(ceil(rows / high) * ceil(columns / wide), depth, high + wide)

    def loop(self, items: int, depth: int, loads: int) -> float:
        """Clocks of items of `depth` steps with so many loads each, and of the barrier before."""
        whole, rest = divmod(ceil(items / _WARP), THREADS // _WARP)
        at_once = [THREADS // _WARP] * whole + [rest] * (rest > 0)
        return BARRIER + depth * sum(max(_LATENCY, busy * loads * self.load) for busy in at_once)


class _Images(_Rows):
    """The same, as `kernel/block_conv.hpp` cuts convolutions into tiles, and sums into parts."""

    def forward(self, layer: Dense | Conv) -> float:
        """Of a layer's outputs."""
        if isinstance(layer, Conv):
            strips, wide = _strips(layer.outputs)
            tiles = self.rows * strips * prod(layer.output_shape[1:])
            return self.loop(tiles, layer.inputs, 16 + TAPS * wide)
        cut, sums = parts(layer, self.rows), self.rows * layer.outputs
        summed = self.loop(sums * cut, ceil(layer.inputs / cut), 2)
        return summed + self.loop(sums, cut, 1)

    def gradient(self, layer: Dense | Conv) -> float:
        """Of the gradient by its parameters: nine taps from a place of a maximum."""
        if isinstance(layer, Dense):
            return super().gradient(layer)
        pairs, cut = layer.inputs * layer.outputs, parts(layer, self.rows)
        places = ceil(self.rows * prod(layer.output_shape[1:]) / cut)
        summed = self.loop(pairs * cut, places, 2 + TAPS)
        return summed + (self.loop(pairs * (TAPS + 1), cut, 1) if cut > 1 else 0.0)

    def input_delta(self, layer: Dense | Conv) -> float:
        """Of the gradient by its inputs, whose tiles look at the maxima of 3x3 windows."""
        if isinstance(layer, Dense):
            return super().input_delta(layer)
        strips, wide = _strips(layer.inputs)
        tiles = self.rows * strips * ceil(layer.height / 2) * ceil(layer.width / 2)
        return self.loop(tiles, layer.outputs, 2 * 9 + TAPS * wide)


@dataclass(frozen=True, slots=True)
class _Tokens:
    """Clocks of `samples` images in a vision transformer: `kernel/block_transformer.hpp`."""

    load: int
    samples: int
    net: Transformer

    def clocks(self) -> float:
        """Of training on them, and of their evaluation."""
        return 2 * self._forward() + self._back()

    def _forward(self) -> float:
        net, classes = self.net, self._of(1)
        embedded = self._loop(self.samples * net.width, 1, 2)
        embedded += self._of(net.tokens - 1).forward(self._embedding)
        head = self._norm(1) + classes.forward(self._head)
        return embedded + sum(map(self._encoded, self._queries)) + head

    def _back(self) -> float:
        net, classes = self.net, self._of(1)
        head = classes.gradient(self._head) + classes.input_delta(self._head) + self._norm_back(1)
        cleared = self._loop(net.tokens * self.samples * net.width, 1, 1)
        embedding = self._of(net.tokens - 1).gradient(self._embedding)
        positions = self._loop(net.tokens * net.width, self.samples, 1)
        encoders = sum(map(self._encoded_back, self._queries))
        return head + cleared + encoders + embedding + positions

    def _encoded(self, queries: int) -> float:
        """Forward through a block that updates so many tokens."""
        some, all_tokens, width = self._of(queries), self._of(self.net.tokens), self.net.width
        attended = some.forward(_dense(width, width)) + all_tokens.forward(_dense(width, 2 * width))
        attended += self._attended(queries) + some.forward(_dense(width, width))
        mlp = some.forward(_dense(width, 4 * width)) + some.forward(_dense(4 * width, width))
        return self._norm(self.net.tokens) + attended + self._norm(queries) + mlp

    def _encoded_back(self, queries: int) -> float:
        some, all_tokens, width = self._of(queries), self._of(self.net.tokens), self.net.width
        square, joint = _dense(width, width), _dense(width, 2 * width)
        mlp = (_dense(4 * width, width), _dense(width, 4 * width))
        products = sum(some.gradient(one) + some.input_delta(one) for one in (*mlp, square, square))
        products += all_tokens.gradient(joint) + all_tokens.input_delta(joint)
        norms = self._norm_back(queries) + self._norm_back(self.net.tokens)
        return products + self._attended_back(queries) + norms

    def _attended(self, queries: int) -> float:
        """A row of scores, their softmax and the sum that they weigh are one item."""
        scores, weighed = self._strips
        return self._heads(queries, scores + 3 * self.net.tokens + weighed)

    def _attended_back(self, queries: int) -> float:
        """Those of values, then of scores, made twice, and queries, then of keys."""
        scores, weighed = self._strips
        columns = ceil(self._head_width / _ATTENDED) * queries
        of_tokens = 2 * self._heads(self.net.tokens, columns)
        return of_tokens + self._heads(queries, 2 * scores + weighed)

    @property
    def _strips(self) -> tuple[int, int]:
        """Products of four in a row of scores, and in what they weigh."""
        tokens, head = self.net.tokens, self._head_width
        return ceil(tokens / _ATTENDED) * head, ceil(head / _ATTENDED) * tokens

    def _heads(self, tokens: int, depth: int) -> float:
        return self._loop(self.net.heads * tokens * self.samples, depth, 1 + _ATTENDED)

    def _norm(self, tokens: int) -> float:
        return self._loop(tokens * self.samples, 3 * self.net.width, 1)

    def _norm_back(self, tokens: int) -> float:
        """Gains and shifts sum over rows, and rows over their numbers."""
        rows, width = tokens * self.samples, self.net.width
        return self._loop(rows + 2 * width, max(rows, 3 * width), 2)

    def _of(self, tokens: int) -> _Rows:
        """As many rows of every sample."""
        return _Rows(self.load, tokens * self.samples)

    def _loop(self, items: int, depth: int, loads: int) -> float:
        return _Rows(self.load, self.samples).loop(items, depth, loads)

    @property
    def _queries(self) -> list[int]:
        """Tokens that each block updates."""
        return [self.net.tokens] * (self.net.depth - 1) + [1]

    @property
    def _head_width(self) -> int:
        return self.net.width // self.net.heads

    @property
    def _embedding(self) -> Dense:
        return _dense(self.net.pixels, self.net.width)

    @property
    def _head(self) -> Dense:
        return _dense(self.net.width, self.net.classes)


def _dense(inputs: int, outputs: int) -> Dense:
    return Dense(inputs, outputs, bias=True, activation="identity")


def _wide(columns: int) -> int:
    return 4 if columns >= 32 else 2


def _strips(channels: int) -> tuple[int, int]:
    """How many strips of channels there are, and how many channels each has."""
    wide = min(_CHANNELS, channels)
    return ceil(channels / wide), wide
