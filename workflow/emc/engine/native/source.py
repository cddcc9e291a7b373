"""From a plan to the C++ that instantiates its kernel."""

from emc.nets.plan import Conv, Dense, Plan

ACTIVATIONS = {
    "relu": "Relu",
    "leaky-relu": "LeakyRelu",
    "gelu": "Gelu",
    "silu": "Silu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "identity": "Identity",
}


def translation_unit(layers: Plan) -> str:
    """The source of a kernel for `layers`, whose last is dense; headers lie in `kernel/`."""
    convolutions = ", ".join(_conv(layer) for layer in layers if isinstance(layer, Conv))
    dense = ", ".join(_dense(layer) for layer in layers if isinstance(layer, Dense))
    net = f"ConvNet<Stages<{convolutions}>, {dense}>" if convolutions else f"DenseNet<{dense}>"
    lines = [
        *(["#define EMC_NARROW"] if _is_narrow(layers) else []),
        '#include "exports.hpp"',
        "using namespace emc;",
        f"EMC_KERNEL({layers[-1].outputs}, {net})",
    ]
    return "\n".join(lines) + "\n"


def _is_narrow(layers: Plan) -> bool:
    """Whether padding to 16 outputs would waste more than vectors of 16 lanes gain over 8.

    They gain 8 to 18 % in dense layers (measured); in convolutions a lane is a sample.
    """
    if any(isinstance(layer, Conv) for layer in layers):
        return False
    return _padded(layers, 16) > 1.15 * _padded(layers, 8)


def _padded(layers: Plan, lanes: int) -> int:
    return sum(layer.inputs * -(-layer.outputs // lanes) * lanes for layer in layers)


def _dense(layer: Dense) -> str:
    return f"Dense<{layer.inputs}, {layer.outputs}, {_activation(layer)}, {_bias(layer)}>"


def _conv(layer: Conv) -> str:
    sizes = f"{layer.inputs}, {layer.outputs}, {layer.height}, {layer.width}"
    return f"Conv<{sizes}, {_activation(layer)}, {_bias(layer)}>"


def _activation(layer: Dense | Conv) -> str:
    return ACTIVATIONS[layer.activation]


def _bias(layer: Dense | Conv) -> str:
    return "true" if layer.bias else "false"
