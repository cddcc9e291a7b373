"""Which procedures the persistent kernel leaves to others."""

from typing import Final

from emc.engine.native.refusal import refusal as native_refusal
from emc.engine.persistent.placement import DenseLayers
from emc.engine.procedure import Procedure
from emc.nets.layers import Dense, count

LARGEST: Final = 100_000
"""Parameters up to which a net counts as small enough for a block."""
MOST_CLASSES: Final = 256
"""A thread holds the logits of a sample."""


def refusal(procedure: Procedure) -> str | None:
    """Why no block trains the procedure's nets, or None."""
    if procedure.layers is None or not all(isinstance(each, Dense) for each in procedure.layers):
        return "the net is not made of dense layers alone"
    if reason := native_refusal(procedure):
        return reason
    if (size := count(procedure.layers)) > LARGEST:
        return f"the net has {size:,} parameters, more than {LARGEST:,}"
    if procedure.classes > MOST_CLASSES:
        return f"there are {procedure.classes} classes, more than {MOST_CLASSES}"
    return None


def dense_layers(procedure: Procedure) -> DenseLayers:
    """The layers of a procedure that is not refused."""
    assert procedure.layers is not None
    layers = tuple(layer for layer in procedure.layers if isinstance(layer, Dense))
    assert len(layers) == len(procedure.layers)
    return layers
