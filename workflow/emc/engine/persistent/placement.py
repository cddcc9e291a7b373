"""Where a kernel keeps its numbers, and its code: mirrors `kernel/block_dense.hpp`."""

from dataclasses import dataclass
from typing import Final

from emc.activations import ACTIVATIONS
from emc.engine.persistent.launch import THREADS, CardLimits
from emc.native.activation import structure_name
from emc.nets.layers import Dense

DenseLayers = tuple[Dense, ...]

_MOST_ROWS: Final = 128
_FEWEST_ROWS: Final = 8
_SUMS: Final = 8 * THREADS
"""Bytes of the partial sums of a block's threads."""
_RESERVED: Final = 1024
"""Bytes of a multiprocessor's memory that each block takes beside its own."""
_BLOCKS_AT_ONCE: Final = 2
"""Per multiprocessor, where memory allows: while one waits at a barrier the other computes."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How blocks train a net.

    A block looks at `rows` samples at a time. Its memory holds the parameters with what belongs to
    them where `numbers_inside`, what is kept of the rows where `chunk_inside`, and orders of up to
    `order_room` places; `outside` numbers per block are kept elsewhere, and `size` per replica.
    """

    rows: int
    numbers_inside: bool
    chunk_inside: bool
    size: int
    outside: int
    order_room: int
    block_memory: int
    blocks_at_once: int


def placement(layers: DenseLayers, limits: CardLimits) -> Placement:
    """The first placement that fits: which one is fastest is not known without a card.

    Numbers in the block's memory rather than not, then two blocks per multiprocessor rather than
    one, then as many rows as fit.
    """
    for numbers_inside in (True, False):
        for blocks in range(_BLOCKS_AT_ONCE, 0, -1):
            if found := _placed(layers, limits, blocks, numbers_inside=numbers_inside):
                return found
    return _outside(layers, limits)


def _placed(
    layers: DenseLayers, limits: CardLimits, blocks: int, *, numbers_inside: bool
) -> Placement | None:
    """One whose rows lie in the block's memory, if some fit there."""
    room, size = _room(limits, blocks), _size(layers)
    inside = 4 * size if numbers_inside else 0
    rows = min(_MOST_ROWS, (room - inside) // _kept(layers) // _FEWEST_ROWS * _FEWEST_ROWS)
    if rows < _FEWEST_ROWS:
        return None
    return Placement(
        rows=rows,
        numbers_inside=numbers_inside,
        chunk_inside=True,
        size=size,
        outside=0,
        order_room=room - inside - rows * _kept(layers),
        block_memory=_SUMS + 4 * room,
        blocks_at_once=blocks,
    )


def _outside(layers: DenseLayers, limits: CardLimits) -> Placement:
    """One of which nothing but orders lies in the block's memory."""
    room = _room(limits, _BLOCKS_AT_ONCE)
    return Placement(
        rows=_FEWEST_ROWS,
        numbers_inside=False,
        chunk_inside=False,
        size=_size(layers),
        outside=_FEWEST_ROWS * _kept(layers),
        order_room=room,
        block_memory=_SUMS + 4 * room,
        blocks_at_once=_BLOCKS_AT_ONCE,
    )


def block_kernel(layers: DenseLayers, placed: Placement) -> str:
    """The kernel of a net; its headers lie beside the native ones."""
    where = f"Placement<{_word(placed.numbers_inside)}, {_word(placed.chunk_inside)}>"
    stack = f"BlockStack<{placed.rows}, {', '.join(map(_layer, layers))}>"
    trainer = f"BlockTrainer<{placed.rows}, {where}, {stack}, {layers[-1].outputs}>"
    lines = (
        "#define EMC_SCALAR",
        f"#define EMC_THREADS {THREADS}",
        f"#define EMC_BLOCKS_AT_ONCE {placed.blocks_at_once}",
        '#include "persistent.hpp"',
        "using namespace emc;",
        f"EMC_PERSISTENT({trainer})",
        f"static_assert(Trainer::size == {placed.size} &&",
        f"              Trainer::chunk_size == {placed.rows * _kept(layers)},",
        '              "a placement of another layout");',
    )
    return "\n".join(lines) + "\n"


def _room(limits: CardLimits, blocks: int) -> int:
    """Numbers of four bytes that each of several blocks of a multiprocessor holds."""
    share = limits.shared_memory // blocks - _RESERVED
    return (min(share, limits.block_memory) - _SUMS) // 4


def _size(layers: DenseLayers) -> int:
    return sum((layer.inputs + 1) * _odd(layer.outputs) for layer in layers)


def _kept(layers: DenseLayers) -> int:
    """Numbers of a sample: inputs, label, and of each layer outputs and, it may be, slopes."""
    kept = (_odd(layer.outputs) * _arrays(layer) for layer in layers)
    return _odd(layers[0].inputs) + 1 + sum(kept)


def _arrays(layer: Dense) -> int:
    return 1 if layer.activation in _FROM_OUTPUT else 2


_FROM_OUTPUT: Final = frozenset(ACTIVATIONS) - {"gelu", "silu"}
"""Activations whose slope is a function of their output, as `kernel/activations.hpp` has it."""


def _odd(count: int) -> int:
    return count | 1


def _layer(layer: Dense) -> str:
    name, bias = structure_name(layer.activation), _word(layer.bias)
    return f"BlockDense<{layer.inputs}, {layer.outputs}, {name}, {bias}>"


def _word(truth: bool) -> str:
    return "true" if truth else "false"
