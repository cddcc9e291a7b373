"""Where a kernel keeps its numbers, and its code: mirrors `kernel/block_stack.hpp`."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from emc.activations import ACTIVATIONS
from emc.engine.persistent.launch import THREADS, CardLimits
from emc.native.activation import structure_name
from emc.nets.layers import Conv, Dense, Layers

_MOST_ROWS: Final = 128
_STEP: Final = 8
"""Dense layers look at whole numbers of so many rows; a tile has four."""
_FEWEST_IMAGES: Final = 2
_SUMS: Final = 8 * THREADS
"""Bytes of the partial sums of a block's threads."""
_RESERVED: Final = 1024
"""Bytes of a multiprocessor's memory that each block takes beside its own."""
_BLOCKS_AT_ONCE: Final = 2
"""Per multiprocessor, where memory allows: while one waits at a barrier the other computes."""
_ARRAYS_INSIDE: Final = (4, 2, 1, 0)
"""Of a net's numbers: parameters, gradient, both moments of the optimizer.

A step reads the parameters again and again, the gradient once per chunk, the moments once.
"""
_MOST_PARTS: Final = 32
_TAPS: Final = 9


@dataclass(frozen=True, slots=True)
class Placement:
    """How blocks train a net.

    A block looks at `rows` samples at a time. Its memory holds the first `arrays_inside` of the
    parameters, their gradient and two moments, what is kept of the rows where `chunk_inside`, and
    orders of up to `order_room` places; `outside` numbers per block are kept elsewhere, and each
    array has `size` of them.
    """

    rows: int
    arrays_inside: int
    chunk_inside: bool
    size: int
    outside: int
    order_room: int
    block_memory: int
    blocks_at_once: int


def placement(layers: Layers, limits: CardLimits) -> Placement:
    """The first placement that fits: which one is fastest is not known without a card.

    All arrays in the block's memory rather than some, and these rather than none; then two blocks
    per multiprocessor rather than one; then as many rows as fit.
    """
    for inside, at_once in product(_ARRAYS_INSIDE, range(_BLOCKS_AT_ONCE, 0, -1)):
        if found := _placed(layers, limits, at_once, inside):
            return found
    return _outside(layers, limits)


def _placed(
    layers: Layers, limits: CardLimits, blocks: int, arrays_inside: int
) -> Placement | None:
    """One whose rows lie in the block's memory, if some fit there."""
    room, size = _room(limits, blocks), array_size(layers)
    left = room - arrays_inside * size
    rows = _most_rows(layers, left)
    if rows is None:
        return None
    return Placement(
        rows=rows,
        arrays_inside=arrays_inside,
        chunk_inside=True,
        size=size,
        outside=0,
        order_room=left - chunk(layers, rows),
        block_memory=_SUMS + 4 * room,
        blocks_at_once=blocks,
    )


def _outside(layers: Layers, limits: CardLimits) -> Placement:
    """One of which nothing but orders lies in the block's memory."""
    room = _room(limits, _BLOCKS_AT_ONCE)
    return Placement(
        rows=_STEP,
        arrays_inside=0,
        chunk_inside=False,
        size=array_size(layers),
        outside=chunk(layers, _STEP),
        order_room=room,
        block_memory=_SUMS + 4 * room,
        blocks_at_once=_BLOCKS_AT_ONCE,
    )


def block_kernel(layers: Layers, placed: Placement) -> str:
    """The kernel of a net; its headers lie beside the native ones."""
    where = f"Placement<{placed.arrays_inside}, {_word(placed.chunk_inside)}>"
    stack = f"BlockStack<{placed.rows}, {', '.join(_layers(layers, placed.rows))}>"
    trainer = f"BlockTrainer<{placed.rows}, {where}, {stack}, {layers[-1].outputs}>"
    lines = (
        "#define EMC_SCALAR",
        f"#define EMC_THREADS {THREADS}",
        f"#define EMC_BLOCKS_AT_ONCE {placed.blocks_at_once}",
        '#include "persistent.hpp"',
        "using namespace emc;",
        f"EMC_PERSISTENT({trainer})",
        f"static_assert(Trainer::size == {placed.size} &&",
        f"              Trainer::chunk_size == {chunk(layers, placed.rows)},",
        '              "a placement of another layout");',
    )
    return "\n".join(lines) + "\n"


def of_images(layers: Layers) -> bool:
    """Whether a block looks at so few samples at a time that sums are cut into parts."""
    return isinstance(layers[0], Conv)


def array_size(layers: Layers) -> int:
    """Numbers of an array of a net: each layer's weights and biases."""
    return sum((layer.fan_in + 1) * _odd(layer.outputs) for layer in layers)


def kept(layers: Layers) -> int:
    """Numbers of a sample: inputs, label, and of each layer what `_of_layer` says."""
    return _odd(layers[0].inputs * layers[0].pixels) + 1 + sum(map(_of_layer, layers))


def chunk(layers: Layers, rows: int) -> int:
    """Numbers of as many rows, and of the longest list of parts of sums."""
    if not of_images(layers):
        return rows * kept(layers)
    return rows * kept(layers) + max(_scratch(layer, rows) for layer in layers)


def parts(layer: Dense | Conv, rows: int) -> int:
    """In how many parts a net of images sums up taps of two channels, or an output of a row."""
    of_rows = layer.inputs if isinstance(layer, Conv) else rows
    return min(_MOST_PARTS, max(1, THREADS // (of_rows * layer.outputs)))


def _scratch(layer: Dense | Conv, rows: int) -> int:
    """Numbers of a layer's parts; of taps, with a bias, none where threads have whole sums."""
    made = parts(layer, rows)
    if isinstance(layer, Dense):
        return rows * layer.outputs * made
    return layer.inputs * layer.outputs * made * (_TAPS + 1) if made > 1 else 0


def _most_rows(layers: Layers, room: int) -> int | None:
    """How many samples a block may look at where a chunk of them has so much room, if any."""
    fewest, step = (_FEWEST_IMAGES, 1) if of_images(layers) else (_STEP, _STEP)
    most = min(_MOST_ROWS, room // kept(layers)) // step * step
    return next((n for n in range(most, fewest - 1, -step) if chunk(layers, n) <= room), None)


def _room(limits: CardLimits, blocks: int) -> int:
    """Numbers of four bytes that each of several blocks of a multiprocessor holds."""
    share = limits.shared_memory // blocks - _RESERVED
    return (min(share, limits.block_memory) - _SUMS) // 4


def _of_layer(layer: Dense | Conv) -> int:
    """Outputs; it may be slopes; of a maximum a byte says where it was."""
    pitch = _odd(prod(layer.output_shape))
    arrays = 1 if layer.activation in _FROM_OUTPUT else 2
    return pitch * arrays + (-(-pitch // 4) if isinstance(layer, Conv) else 0)


_FROM_OUTPUT: Final = frozenset(ACTIVATIONS) - {"gelu", "silu"}
"""Activations whose slope is a function of their output, as `kernel/activations.hpp` has it."""


def _odd(count: int) -> int:
    return count | 1


def _layers(layers: Layers, rows: int) -> Iterator[str]:
    for layer in layers:
        name, bias = structure_name(layer.activation), _word(layer.bias)
        sizes = f"{layer.inputs}, {layer.outputs}"
        if isinstance(layer, Conv):
            yield f"BlockConv<{sizes}, {layer.height}, {layer.width}, {name}, {bias}>"
        elif of_images(layers):
            yield f"SplitDense<{rows}, {sizes}, {name}, {bias}>"
        else:
            yield f"BlockDense<{sizes}, {name}, {bias}>"


def _word(truth: bool) -> str:
    return "true" if truth else "false"
