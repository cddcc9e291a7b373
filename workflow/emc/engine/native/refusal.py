"""Which procedures the native back end leaves to others."""

from math import prod
from typing import Final

from emc.engine.batches import batch_sizes
from emc.engine.native.kernel import LOSSES
from emc.engine.native.net import native_net
from emc.engine.procedure import Procedure
from emc.native.activation import activation_refusal
from emc.nets.graph import Graph
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.traced_module import TracedModule
from emc.nets.transformer import Transformer

MOST_NORMALISED: Final = 50_000_000
"""Numbers of all samples of a batch, up to which these are normalised together: about 1 GB."""

LARGEST: Final = 5_000_000
"""Weights, or activations per sample, up to which a layer or a transformer counts as small."""


def refusal(procedure: Procedure) -> str | None:
    """Why the native back end cannot run the procedure, or None."""
    net = native_net(procedure)
    if net is None:
        return _of_module(procedure.module)
    if isinstance(net, Graph):
        return _of_training(procedure) or _of_graph(net, procedure.classes)
    if isinstance(net, Transformer):
        return _of_training(procedure) or _of_transformer(net, procedure.classes)
    return _of_training(procedure) or _of_layers(net, procedure.classes)


def batch_refusal(procedure: Procedure, n: int) -> str | None:
    """Why the kernels cannot train on the batches that a replica of `n` samples has, or None."""
    net = native_net(procedure)
    if not isinstance(net, Graph) or not net.batch_norms:
        return None
    sizes = batch_sizes(procedure, n, 0)
    if min(sizes) == 1 and min(norm.inputs.shape[1] for norm in net.batch_norms) == 1:
        return "a batch norm has a batch of one sample"
    together = n if net.mixes_always else max(sizes)
    if (numbers := together * net.places) > MOST_NORMALISED:
        return (
            f"batch norms take {together:,} samples together, of {numbers:,} numbers, more than"
            f" {MOST_NORMALISED:,}"
        )
    return None


def _of_module(module: object) -> str:
    if isinstance(module, TracedModule) and module.unknown:
        return f"the kernels do not know the net: {module.unknown}"
    return (
        "the net is a module, not layers of dense and convolutional layers or a vision"
        " transformer with a known activation"
    )


def _of_training(procedure: Procedure) -> str | None:
    rule = procedure.optimizer.kernel_rule
    if rule is None:
        return f"the kernels have no rule for the optimizer {procedure.update.name!r}"
    if procedure.loss not in LOSSES:
        return f"the loss is {procedure.loss!r}, not one of {', '.join(LOSSES)}"
    if rule.epsilon <= 0:
        return f"epsilon is {rule.epsilon}, not above 0"
    return None


def _of_layers(layers: Layers, classes: int) -> str | None:
    if not layers or not isinstance(layers[-1], Dense):
        return "the last layer is not dense"
    if layers[-1].activation != "identity" or layers[-1].outputs != classes:
        return f"the last layer does not give the logits of {classes} classes"
    reasons = (*map(_of_layer, layers), *map(_of_pair, layers, layers[1:]))
    return next(filter(None, reasons), None)


def _of_graph(net: Graph, classes: int) -> str | None:
    if len(net.logits) != classes:
        return f"the net gives the logits of {len(net.logits)} classes, not of {classes}"
    largest = max(net.size, net.places)
    if largest > LARGEST:
        return f"the net holds {largest:,} numbers, more than {LARGEST:,}"
    return None


def _of_transformer(net: Transformer, classes: int) -> str | None:
    if net.classes != classes:
        return f"the head gives the logits of {net.classes} classes, not of {classes}"
    kept = net.depth * net.tokens * (17 * net.width + net.heads * net.tokens)
    largest = max(net.size, kept)
    if largest > LARGEST:
        return f"the transformer holds {largest:,} numbers, more than {LARGEST:,}"
    return activation_refusal(net.activation)


def _of_layer(layer: Dense | Conv) -> str | None:
    if reason := activation_refusal(layer.activation):
        return reason
    if min(layer.inputs, *layer.output_shape) < 1:
        return f"{layer} gives nothing"
    largest = max(prod(layer.weight_shape), layer.pixels * max(layer.inputs, layer.outputs))
    if largest > LARGEST:
        return f"{layer} holds {largest:,} numbers, more than {LARGEST:,}"
    return None


def _of_pair(before: Dense | Conv, after: Dense | Conv) -> str | None:
    given = before.output_shape
    if isinstance(after, Dense):
        fits = after.inputs == prod(given)
    else:
        fits = (after.inputs, after.height, after.width) == given
    return None if fits else f"{after} cannot follow {before}"
