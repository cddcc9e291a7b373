"""How long a step takes on the processor and on a card, from the operations that it counts.

What stands here of cards is reckoned from the kernels' source and the makers' numbers: no card has
been timed.
"""

from math import ceil
from typing import Final

from emc.engine.card_models import CardModel
from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.layout import BlockNet
from emc.engine.persistent.placement import Placement, placement
from emc.measurement.clocks import BARRIER, of_chunk
from emc.nets.layers import multiply_adds
from emc.nets.transformer import Transformer

_PER_THREAD: Final = 45e9
"""Products per second of a native kernel on one thread, about: MLPs and CNNs of 500 to 8,000
parameters made 40 to 60 on a processor with AVX-512."""
_PASSES: Final = 4
"""Times that a sample's products are made per step: forward, the gradients of weights and inputs,
and the evaluation of an epoch."""
_FAR: Final = 6
"""Clocks of a warp's load from the card's memory; from the block's one."""
_UPDATE: Final = 40
"""Clocks of a parameter's update."""
_NODE: Final = 2e-6
"""Seconds of a node of a CUDA graph."""
_NODES: Final = 20
"""Nodes of a step, and as many again for each layer."""
_PLANNED: Final = 120e-9
"""Seconds in which the host plans a sample of an epoch (timed on a processor)."""
_OF_ENCODER: Final = 8
"""Layers of a transformer's block: two norms, attention, and five that are dense."""
_GROUPED: Final = 0.03
"""Share of a card's products that small nets side by side reach, layer by layer."""


def on_processor(net: BlockNet) -> float:
    """Seconds per sample and step of the native kernels, evaluation included."""
    return _PASSES * _products(net) / _PER_THREAD


def in_lockstep(net: BlockNet, batch: int, together: int, card: CardModel) -> float:
    """The same of replicas whose steps a card takes side by side, layer by layer."""
    nodes = _NODES * (1 + _depth(net)) * _NODE / (batch * together)
    return _PLANNED + nodes + _PASSES * _products(net) / (_GROUPED * card.products)


def in_a_block(net: BlockNet, batch: int, card: CardModel) -> float:
    """The same of one replica in a block of the persistent kernel, beside other blocks."""
    placed = placement(net, card.limits)
    return _clocks(net, batch, placed) / batch / (card.gigahertz * 1e9)


def _products(net: BlockNet) -> int:
    return net.multiply_adds if isinstance(net, Transformer) else multiply_adds(net)


def _depth(net: BlockNet) -> int:
    """Layers one after the other."""
    return _OF_ENCODER * net.depth + 3 if isinstance(net, Transformer) else len(net)


def _clocks(net: BlockNet, batch: int, placed: Placement) -> float:
    """Clocks of a step, and of its share of an evaluation."""
    load = 1 if placed.arrays_inside and placed.chunk_inside else _FAR
    whole, rest = divmod(batch, placed.rows)
    trained = whole * of_chunk(net, load * placed.blocks_at_once, placed.rows)
    if rest:
        trained += of_chunk(net, load * placed.blocks_at_once, rest)
    return trained + BARRIER + _UPDATE * ceil(placed.size / THREADS)
