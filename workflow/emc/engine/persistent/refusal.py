"""Which procedures the persistent kernel leaves to others."""

from typing import Final

from emc.engine.native.net import native_net
from emc.engine.native.refusal import refusal as native_refusal
from emc.engine.persistent.layout import BlockNet, layout_of
from emc.engine.procedure import Procedure
from emc.nets.graph import Graph

LARGEST: Final = 100_000
"""Parameters up to which a net counts as small enough for a block."""
MOST_KEPT: Final = 50_000
"""Numbers kept of one sample, about what the memory of a block holds on an H100."""
MOST_CLASSES: Final = 256
"""A thread holds the logits of a sample."""


def refusal(procedure: Procedure) -> str | None:
    """Why no block trains the procedure's nets, or None."""
    net = known_net(procedure)
    if net is None:
        return (
            "the net is neither made of dense and convolutional layers alone nor a vision"
            " transformer with a known activation"
        )
    return native_refusal(procedure) or _of_sizes(net, procedure.classes)


def block_net(procedure: Procedure) -> BlockNet:
    """The net of a procedure that is not refused."""
    net = known_net(procedure)
    assert net is not None
    return net


def known_net(procedure: Procedure) -> BlockNet | None:
    """What is known of a procedure's nets, a user's modules too, where that is no graph."""
    net = native_net(procedure)
    return None if isinstance(net, Graph) else net


def _of_sizes(net: BlockNet, classes: int) -> str | None:
    layout = layout_of(net)
    if (size := layout.parameters) > LARGEST:
        return f"the net has {size:,} parameters, more than {LARGEST:,}"
    if (kept := layout.kept) > MOST_KEPT:
        return f"a block keeps {kept:,} numbers of a sample, more than {MOST_KEPT:,}"
    if classes > MOST_CLASSES:
        return f"there are {classes} classes, more than {MOST_CLASSES}"
    return None
