"""What the native back end trains: the layers or the sizes of a procedure's net, and its start."""

from math import prod

import numpy as np

from emc.engine.procedure import Procedure
from emc.errors import EmcError
from emc.native.unavailable import UnavailableError
from emc.nets.build import as_known
from emc.nets.graph import Graph
from emc.nets.layers import Conv, initial
from emc.nets.traced_module import KnownNet, TracedModule
from emc.nets.transformer import Transformer
from emc.seeds import generator


def native_net(procedure: Procedure) -> KnownNet | None:
    """The net as numbers, or None where it is a module of which nothing is known."""
    return procedure.layers if procedure.layers is not None else as_known(procedure.module)


def start(procedure: Procedure, seed: int) -> dict[str, np.ndarray]:
    """A replica's initial float32 parameters by name, in the order of the kernel's.

    The running statistics of batch norms follow them.

    Loads torch where the net is a module's: its weights come from torch's generator.

    Raises:
        UnavailableError: the seed's net is of another kind than those that were looked at.
    """
    if procedure.layers is not None:
        return initial(procedure.layers, procedure.initialisation, generator(seed, "weights"))
    from emc.engine.fresh import fresh, weights
    from emc.nets.copies import unlike_others

    shapes, net = _shapes(procedure), fresh(procedure, seed)
    looked_at = procedure.module
    if why := unlike_others(net, looked_at.settings if isinstance(looked_at, TracedModule) else {}):
        raise UnavailableError(why)
    drawn = weights(net)
    assert {name: values.shape for name, values in drawn.items()} == shapes
    return {name: drawn[name] for name in shapes}


def _shapes(procedure: Procedure) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a module's parameters and statistics, in the order of the kernel's."""
    if isinstance(procedure.module, TracedModule):
        return dict((*procedure.module.shapes, *procedure.module.statistics))
    net = native_net(procedure)
    assert isinstance(net, Transformer)
    return net.shapes


def check_shape(inputs: np.ndarray, net: KnownNet) -> None:
    """Refuse inputs [N, *shape] that the net cannot take.

    Raises:
        EmcError: another shape or dtype, or not in C order.
    """
    if inputs.dtype != np.float32 or not inputs.flags.c_contiguous:
        raise EmcError(f"inputs: expected float32 in C order, found {inputs.dtype}")
    expected, found = _inputs(net), inputs.shape[1:]
    if isinstance(expected, int):
        if prod(found) != expected:
            raise EmcError(f"inputs: expected {expected} numbers, found shape {found}")
    elif found != expected:
        kind, sizes = "images" if len(expected) == 3 else "inputs", "x".join(map(str, expected))
        raise EmcError(f"inputs: expected {kind} of {sizes}, found shape {found}")


def _inputs(net: KnownNet) -> int | tuple[int, ...]:
    """How many numbers the net takes, or their shape."""
    if isinstance(net, Graph):
        return net.shape
    if isinstance(net, Transformer):
        return (net.colours, net.side, net.side)
    first = net[0]
    return (first.inputs, first.height, first.width) if isinstance(first, Conv) else first.inputs
