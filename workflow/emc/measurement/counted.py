"""How long a step takes on the processor and on a card, from the operations that it counts.

What stands here of cards is reckoned from the kernels' source and the makers' numbers: no card has
been timed.
"""

from dataclasses import dataclass
from math import ceil, prod
from typing import Final

from emc.engine.card_models import CardModel
from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.placement import Placement, of_images, parts, placement
from emc.nets.layers import Conv, Dense, Layers, multiply_adds

_PER_THREAD: Final = 45e9
"""Products per second of a native kernel on one thread, about: MLPs and CNNs of 500 to 8,000
parameters made 40 to 60 on a processor with AVX-512."""
_PASSES: Final = 4
"""Times that a sample's products are made per step: forward, the gradients of weights and inputs,
and the evaluation of an epoch."""
_TAPS: Final = 9
_CHANNELS: Final = 4
"""Of a tile of 2x2 pixels."""
_WARP: Final = 32
_LATENCY: Final = 40
"""Clocks from one product of a tile to the next where a block is alone."""
_FAR: Final = 6
"""Clocks of a warp's load from the card's memory; from the block's one."""
_BARRIER: Final = 300
"""Clocks from the end of a part of a step to the next one's first product."""
_UPDATE: Final = 40
"""Clocks of a parameter's update."""
_NODE: Final = 2e-6
"""Seconds of a node of a CUDA graph."""
_NODES: Final = 20
"""Nodes of a step, and as many again for each layer."""
_PLANNED: Final = 120e-9
"""Seconds in which the host plans a sample of an epoch (timed on a processor)."""
_GROUPED: Final = 0.03
"""Share of a card's products that small nets side by side reach, layer by layer."""


def on_processor(layers: Layers) -> float:
    """Seconds per sample and step of the native kernels, evaluation included."""
    return _PASSES * multiply_adds(layers) / _PER_THREAD


def in_lockstep(layers: Layers, batch: int, together: int, card: CardModel) -> float:
    """The same of replicas whose steps a card takes side by side, layer by layer."""
    nodes = _NODES * (1 + len(layers)) * _NODE / (batch * together)
    return _PLANNED + nodes + _PASSES * multiply_adds(layers) / (_GROUPED * card.products)


def in_a_block(layers: Layers, batch: int, card: CardModel) -> float:
    """The same of one replica in a block of the persistent kernel, beside other blocks."""
    placed = placement(layers, card.limits)
    return _clocks(layers, batch, placed) / batch / (card.gigahertz * 1e9)


def _clocks(layers: Layers, batch: int, placed: Placement) -> float:
    """Clocks of a step, and of its share of an evaluation."""
    load = 1 if placed.arrays_inside and placed.chunk_inside else _FAR
    count = _Images if of_images(layers) else _Rows
    whole, rest = divmod(batch, placed.rows)
    trained = whole * count(load * placed.blocks_at_once, placed.rows).clocks(layers)
    if rest:
        trained += count(load * placed.blocks_at_once, rest).clocks(layers)
    return trained + _BARRIER + _UPDATE * ceil(placed.size / THREADS)


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
        return self._loop(ceil(rows / high) * ceil(columns / wide), depth, high + wide)

    def _loop(self, items: int, depth: int, loads: int) -> float:
        """Clocks of items of `depth` steps with so many loads each, and of the barrier before."""
        whole, rest = divmod(ceil(items / _WARP), THREADS // _WARP)
        at_once = [THREADS // _WARP] * whole + [rest] * (rest > 0)
        return _BARRIER + depth * sum(max(_LATENCY, busy * loads * self.load) for busy in at_once)


class _Images(_Rows):
    """The same, as `kernel/block_conv.hpp` cuts convolutions into tiles, and sums into parts."""

    def forward(self, layer: Dense | Conv) -> float:
        """Of a layer's outputs."""
        if isinstance(layer, Conv):
            strips, wide = _strips(layer.outputs)
            tiles = self.rows * strips * prod(layer.output_shape[1:])
            return self._loop(tiles, layer.inputs, 16 + _TAPS * wide)
        cut, sums = parts(layer, self.rows), self.rows * layer.outputs
        summed = self._loop(sums * cut, ceil(layer.inputs / cut), 2)
        return summed + self._loop(sums, cut, 1)

    def gradient(self, layer: Dense | Conv) -> float:
        """Of the gradient by its parameters: nine taps from a place of a maximum."""
        if isinstance(layer, Dense):
            return super().gradient(layer)
        pairs, cut = layer.inputs * layer.outputs, parts(layer, self.rows)
        places = ceil(self.rows * prod(layer.output_shape[1:]) / cut)
        summed = self._loop(pairs * cut, places, 2 + _TAPS)
        return summed + (self._loop(pairs * (_TAPS + 1), cut, 1) if cut > 1 else 0.0)

    def input_delta(self, layer: Dense | Conv) -> float:
        """Of the gradient by its inputs, whose tiles look at the maxima of 3x3 windows."""
        if isinstance(layer, Dense):
            return super().input_delta(layer)
        strips, wide = _strips(layer.inputs)
        tiles = self.rows * strips * ceil(layer.height / 2) * ceil(layer.width / 2)
        return self._loop(tiles, layer.outputs, 2 * 9 + _TAPS * wide)


def _wide(columns: int) -> int:
    return 4 if columns >= 32 else 2


def _strips(channels: int) -> tuple[int, int]:
    """How many strips of channels there are, and how many channels each has."""
    wide = min(_CHANNELS, channels)
    return ceil(channels / wide), wide
