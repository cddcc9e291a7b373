"""How long a step takes on the processor and on a card, from the operations that it counts.

What stands here of cards is reckoned from the kernels' source and the makers' numbers: no card has
been timed.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

from emc.engine.card_models import CardModel
from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.placement import DenseLayers, Placement, placement
from emc.nets.layers import Dense, Layers, multiply_adds

_PER_THREAD: Final = 45e9
"""Products per second of a native kernel on one thread, about: MLPs and CNNs of 500 to 8,000
parameters made 40 to 60 on a processor with AVX-512."""
_PASSES: Final = 4
"""Times that a sample's products are made per step: forward, the gradients of weights and inputs,
and the evaluation of an epoch."""
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


def in_a_block(layers: DenseLayers, batch: int, card: CardModel) -> float:
    """The same of one replica in a block of the persistent kernel, beside other blocks."""
    placed = placement(layers, card.limits)
    return _clocks(layers, batch, placed) / batch / (card.gigahertz * 1e9)


def _clocks(layers: DenseLayers, batch: int, placed: Placement) -> float:
    """Clocks of a step, and of its share of an evaluation."""
    load = 1 if placed.numbers_inside and placed.chunk_inside else _FAR
    work = _Work(load * placed.blocks_at_once)
    whole, rest = divmod(batch, placed.rows)
    chunks = [placed.rows] * whole + [rest] * (rest > 0)
    trained = sum(2 * work.forward(layers, rows) + work.backward(layers, rows) for rows in chunks)
    return trained + _BARRIER + _UPDATE * ceil(placed.size / THREADS)


@dataclass(frozen=True, slots=True)
class _Work:
    """Clocks of products, as `kernel/block_dense.hpp` cuts them into tiles.

    Each thread makes tile after tile. A warp's loads take `load` clocks each.
    """

    load: int

    def forward(self, layers: DenseLayers, rows: int) -> float:
        return sum(self._tiles(rows, one.outputs, one.inputs, 4, _wide(one)) for one in layers)

    def backward(self, layers: DenseLayers, rows: int) -> float:
        weights = sum(
            self._tiles(one.inputs + 1, one.outputs, rows, _side(one), _side(one)) for one in layers
        )
        inputs = sum(
            self._tiles(rows, one.inputs, one.outputs, 4, 4 if one.inputs >= 32 else 2)
            for one in layers[1:]
        )
        return weights + inputs

    def _tiles(self, rows: int, columns: int, depth: int, high: int, wide: int) -> float:
        """Clocks of a product of `depth` steps, and of the barrier before it."""
        warps = ceil(ceil(rows / high) * ceil(columns / wide) / _WARP)
        whole, rest = divmod(warps, THREADS // _WARP)
        at_once = [THREADS // _WARP] * whole + [rest] * (rest > 0)
        each = (high + wide) * self.load
        return _BARRIER + depth * sum(max(_LATENCY, busy * each) for busy in at_once)


def _wide(layer: Dense) -> int:
    return 4 if layer.outputs >= 32 else 2


def _side(layer: Dense) -> int:
    return 4 if (layer.inputs + 1) * layer.outputs >= 4096 else 2
