"""Which procedures the persistent kernel leaves to others."""

from typing import Final

from emc.engine.native.net import native_net
from emc.engine.native.refusal import refusal as native_refusal
from emc.engine.persistent.placement import kept
from emc.engine.procedure import Procedure
from emc.nets.graph import Graph
from emc.nets.layers import Layers, count
from emc.nets.transformer import Transformer

LARGEST: Final = 100_000
"""Parameters up to which a net counts as small enough for a block."""
MOST_KEPT: Final = 50_000
"""Numbers kept of one sample, about what the memory of a block holds on an H100."""
MOST_CLASSES: Final = 256
"""A thread holds the logits of a sample."""


def refusal(procedure: Procedure) -> str | None:
    """Why no block trains the procedure's nets, or None."""
    layers = _layers(procedure)
    if layers is None:
        return "the net is not made of dense and convolutional layers alone"
    return native_refusal(procedure) or _of_sizes(layers, procedure.classes)


def block_layers(procedure: Procedure) -> Layers:
    """The layers of a procedure that is not refused."""
    layers = _layers(procedure)
    assert layers is not None
    return layers


def _layers(procedure: Procedure) -> Layers | None:
    """The layers of a net, a user's module too, where it has layers."""
    net = native_net(procedure)
    return None if net is None or isinstance(net, Graph | Transformer) else net


def _of_sizes(layers: Layers, classes: int) -> str | None:
    if (size := count(layers)) > LARGEST:
        return f"the net has {size:,} parameters, more than {LARGEST:,}"
    if (numbers := kept(layers)) > MOST_KEPT:
        return f"a block keeps {numbers:,} numbers of a sample, more than {MOST_KEPT:,}"
    if classes > MOST_CLASSES:
        return f"there are {classes} classes, more than {MOST_CLASSES}"
    return None
