"""Which procedures the persistent kernel leaves to others."""

from typing import Final

from emc.engine.native.net import native_net
from emc.engine.native.refusal import refusal as native_refusal
from emc.engine.persistent.placement import DenseLayers
from emc.engine.procedure import Procedure
from emc.nets.graph import Graph
from emc.nets.layers import Dense, count
from emc.nets.transformer import Transformer

LARGEST: Final = 100_000
"""Parameters up to which a net counts as small enough for a block."""
MOST_CLASSES: Final = 256
"""A thread holds the logits of a sample."""


def refusal(procedure: Procedure) -> str | None:
    """Why no block trains the procedure's nets, or None."""
    layers = _dense(procedure)
    if layers is None:
        return "the net is not made of dense layers alone"
    if reason := native_refusal(procedure):
        return reason
    if (size := count(layers)) > LARGEST:
        return f"the net has {size:,} parameters, more than {LARGEST:,}"
    if procedure.classes > MOST_CLASSES:
        return f"there are {procedure.classes} classes, more than {MOST_CLASSES}"
    return None


def dense_layers(procedure: Procedure) -> DenseLayers:
    """The layers of a procedure that is not refused."""
    layers = _dense(procedure)
    assert layers is not None
    return layers


def _dense(procedure: Procedure) -> DenseLayers | None:
    """The layers of a net, a user's module too, where all of them are dense."""
    net = native_net(procedure)
    if net is None or isinstance(net, Graph | Transformer):
        return None
    layers = tuple(layer for layer in net if isinstance(layer, Dense))
    return layers if len(layers) == len(net) else None
