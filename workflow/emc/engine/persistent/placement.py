"""Where a kernel keeps its numbers, and its code: mirrors `kernel/block_trainer.hpp`."""

from ctypes import Structure, sizeof
from dataclasses import dataclass
from itertools import product
from typing import Final

from emc.engine.native.kernel import Task
from emc.engine.persistent.launch import THREADS, CardLimits, Launch, Standing, Training
from emc.engine.persistent.layout import BlockNet, Layout, layout_of
from emc.engine.persistent.sizes import word

_MOST_ROWS: Final = 128
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


def placement(net: BlockNet, limits: CardLimits) -> Placement:
    """The first placement that fits: which one is fastest is not known without a card.

    All arrays in the block's memory rather than some, and these rather than none; then two blocks
    per multiprocessor rather than one; then as many rows as fit.
    """
    layout = layout_of(net)
    for inside, at_once in product(_ARRAYS_INSIDE, range(_BLOCKS_AT_ONCE, 0, -1)):
        if found := _placed(layout, limits, at_once, inside):
            return found
    return _outside(layout, limits)


def _placed(
    layout: Layout, limits: CardLimits, blocks: int, arrays_inside: int
) -> Placement | None:
    """One whose rows lie in the block's memory, if some fit there."""
    room, size = _room(limits, blocks), layout.array_size
    left = room - arrays_inside * size
    rows = _most_rows(layout, left)
    if rows is None:
        return None
    return Placement(
        rows=rows,
        arrays_inside=arrays_inside,
        chunk_inside=True,
        size=size,
        outside=0,
        order_room=left - layout.chunk(rows),
        block_memory=_SUMS + 4 * room,
        blocks_at_once=blocks,
    )


def _outside(layout: Layout, limits: CardLimits) -> Placement:
    """One of which nothing but orders lies in the block's memory."""
    room = _room(limits, _BLOCKS_AT_ONCE)
    return Placement(
        rows=layout.rows_outside,
        arrays_inside=0,
        chunk_inside=False,
        size=layout.array_size,
        outside=layout.chunk(layout.rows_outside),
        order_room=room,
        block_memory=_SUMS + 4 * room,
        blocks_at_once=_BLOCKS_AT_ONCE,
    )


def block_kernel(net: BlockNet, placed: Placement) -> str:
    """The kernel of a net; its headers lie beside the native ones."""
    layout = layout_of(net)
    where = f"Placement<{placed.arrays_inside}, {word(placed.chunk_inside)}>"
    code = layout.code(placed.rows)
    trainer = f"BlockTrainer<{placed.rows}, {where}, {code}, {layout.classes}>"
    lines = (
        "#define EMC_SCALAR",
        f"#define EMC_THREADS {THREADS}",
        f"#define EMC_BLOCKS_AT_ONCE {placed.blocks_at_once}",
        '#include "persistent.hpp"',
        "using namespace emc;",
        f"EMC_PERSISTENT({trainer})",
        f"static_assert(Trainer::size == {placed.size} &&",
        f"              Trainer::chunk_size == {layout.chunk(placed.rows)},",
        '              "a placement of another layout");',
        *map(_size_held, (Launch, Training, Standing, Task)),
    )
    return "\n".join(lines) + "\n"


def _size_held(mirrored: type[Structure]) -> str:
    """A structure that is given byte by byte is as large for the card's compiler as here."""
    name = mirrored.__name__
    return f'static_assert(sizeof({name}) == {sizeof(mirrored)}, "{name} differs from its mirror");'


def _most_rows(layout: Layout, room: int) -> int | None:
    """How many samples a block may look at where a chunk of them has so much room, if any."""
    fewest, step = layout.fewest_rows, layout.row_step
    most = min(_MOST_ROWS, room // layout.kept) // step * step
    return next((n for n in range(most, fewest - 1, -step) if layout.chunk(n) <= room), None)


def _room(limits: CardLimits, blocks: int) -> int:
    """Numbers of four bytes that each of several blocks of a multiprocessor holds."""
    share = limits.shared_memory // blocks - _RESERVED
    return (min(share, limits.block_memory) - _SUMS) // 4
