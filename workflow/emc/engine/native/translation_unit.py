"""From a net to the C++ that instantiates its kernel."""

from typing import Final

from emc.native.activation import structure_name
from emc.nets.graph import Graph
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.traced_module import KnownNet
from emc.nets.transformer import Transformer

_FEWEST_PARAMETERS: Final = 1024
_ROWS: Final = 64
"""Samples that a graph's kernel takes at a time, where a sample has few places."""
_FEW_PLACES: Final = 8192
"""With more of them it takes as many samples as a vector has lanes, for the cache's sake."""


def translation_unit(net: KnownNet) -> str:
    """The C++ code of a kernel for a net; the last of `Layers` is dense. Headers lie in `kernel/`.

    Compiling it takes 1 to 6 seconds, of which hardly any depend on the sizes.
    """
    if isinstance(net, Graph):
        return _graph(net)
    lines = [
        *(["#define EMC_NARROW"] if _is_narrow(net) else []),
        '#include "exports.hpp"',
        f'#include "{"transformer" if isinstance(net, Transformer) else "nets"}.hpp"',
        "using namespace emc;",
        f"EMC_KERNEL({_kernel(net)})",
    ]
    return "\n".join(lines) + "\n"


def _graph(net: Graph) -> str:
    """One kernel for all graphs that have equally many classes and about as many parameters."""
    size = max(_FEWEST_PARAMETERS, 1 << (net.size - 1).bit_length())
    rows = _ROWS if net.places <= _FEW_PLACES else 1
    classes = len(net.logits)
    return (
        '#include "exports.hpp"\n#include "graph_trainee.hpp"\n'
        f"EMC_KERNEL({classes}, emc::GraphTrainee<{size}, {classes}, {rows}>)\n"
    )


def _kernel(net: Layers | Transformer) -> str:
    if isinstance(net, Transformer):
        return f"{net.classes}, {_transformer(net)}"
    return f"{net[-1].outputs}, {_layers(net)}"


def _layers(layers: Layers) -> str:
    convolutions = ", ".join(_conv(layer) for layer in layers if isinstance(layer, Conv))
    dense = ", ".join(_dense(layer) for layer in layers if isinstance(layer, Dense))
    return f"ConvNet<Stages<{convolutions}>, {dense}>" if convolutions else f"DenseNet<{dense}>"


def _transformer(net: Transformer) -> str:
    image = f"{net.colours}, {net.side}, {net.patch}"
    sizes = f"{image}, {net.depth}, {net.width}, {net.heads}"
    return f"VisionTransformer<{sizes}, {structure_name(net.activation)}, {net.classes}>"


def _is_narrow(net: Layers | Transformer) -> bool:
    """Whether padding to 16 outputs would waste more than vectors of 16 lanes gain over 8.

    They gain 8 to 18 % in dense layers (measured); in convolutions a lane is a sample.
    """
    products = _products(net)
    return _padded(products, 16) > 1.15 * _padded(products, 8)


def _products(net: Layers | Transformer) -> list[tuple[int, int]]:
    """Inputs and outputs of the dense layers that a kernel spends its time in, if any."""
    if isinstance(net, Transformer):
        width, hidden = net.width, 4 * net.width
        attention = [(width, width), (width, 2 * width), (width, width)]
        return [*attention, (width, hidden), (hidden, width)]
    if any(isinstance(layer, Conv) for layer in net):
        return []
    return [(layer.inputs, layer.outputs) for layer in net]


def _padded(products: list[tuple[int, int]], lanes: int) -> int:
    return sum(inputs * -(-outputs // lanes) * lanes for inputs, outputs in products)


def _dense(layer: Dense) -> str:
    name = structure_name(layer.activation)
    return f"Dense<{layer.inputs}, {layer.outputs}, {name}, {_bias(layer)}>"


def _conv(layer: Conv) -> str:
    sizes = f"{layer.inputs}, {layer.outputs}, {layer.height}, {layer.width}"
    return f"Conv<{sizes}, {structure_name(layer.activation)}, {_bias(layer)}>"


def _bias(layer: Dense | Conv) -> str:
    return "true" if layer.bias else "false"
