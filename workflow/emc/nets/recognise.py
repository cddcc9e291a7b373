"""From a factory of modules to the layers, the transformer or the graph that its nets compute."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isqrt, prod
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction

from emc.nets.arithmetic import exact_float32
from emc.nets.build import transformer_factory
from emc.nets.copies import settings
from emc.nets.graph import Activated, Affine, Graph, GraphStep, Largest, Softmax, Taken
from emc.nets.graph_module import GraphModule
from emc.nets.layers import Conv, Dense, Layers
from emc.nets.module import module
from emc.nets.noise import seeded
from emc.nets.traced_module import TracedModule
from emc.nets.tracing import UntraceableError, set_mode, traced
from emc.nets.transformer import Transformer

StepKind = TypeVar("StepKind", bound=GraphStep)

_ROWS: Final = (3, 1)
"""Numbers of samples on which a module is compared with its graph."""
_SPREAD: Final = 100.0
_BRIGHTEST: Final = 255.0
"""Inputs that are larger than usual, and pixels as in a file: of some, nets think otherwise."""
_RELATIVE: Final = 1e-4
"""Of the largest number of a tensor: differences up to this are rounding in float32."""
_SMALL: Final = 1e-2
"""Of the largest number of all tensors: one whose numbers are smaller counts as if of this size."""


def recognised(make: Callable[[], nn.Module], shape: tuple[int, ...], classes: int) -> TracedModule:
    """What the nets of a factory compute of inputs [batch, *shape].

    Two nets are made. One is traced; the other is compared with the trace, by logits and gradients
    in both modes, at weights other than its initial ones.
    """
    with seeded(0):
        first, second = make(), make()
    own, other = settings(first), settings(second)
    try:
        graph = _graph(first, second, shape, classes)
    except UntraceableError as error:
        return TracedModule(make, None, unknown=str(error))
    found = _as_layers(make, graph) or _as_transformer(make, graph) or _as_graph(make, graph)
    return replace(found, settings=dict(own.items() & other.items()))


def _graph(first: nn.Module, second: nn.Module, shape: tuple[int, ...], classes: int) -> Graph:
    graph = traced(first, shape, classes)
    if traced(second, shape, classes) != graph:
        raise UntraceableError("two nets of the factory compute differently")
    _check_same(second, graph)
    return graph


def _as_graph(make: Callable[[], nn.Module], graph: Graph) -> TracedModule:
    shapes, statistics = graph.parameters.items(), graph.statistics.items()
    return TracedModule(make, graph, tuple(shapes), statistics=tuple(statistics))


def _as_layers(make: Callable[[], nn.Module], graph: Graph) -> TracedModule | None:
    layers = _layers(graph)
    if layers is None or _traced_or_none(module(layers), graph) != graph:
        return None
    return TracedModule(make, layers, tuple(graph.parameters.items()))


def _traced_or_none(net: nn.Module, like: Graph) -> Graph | None:
    """What a module computes of the inputs of another graph; None where it cannot."""
    try:
        return traced(net, like.shape, len(like.logits))
    except UntraceableError:
        return None


def _layers(graph: Graph) -> Layers | None:
    """The layers that a graph would be, if they are its whole computation."""
    steps = [step for step in graph.steps if not isinstance(step, Taken)]
    layers: list[Dense | Conv] = []
    shape, place = graph.shape, 0
    while place < len(steps):
        map_, activation = steps[place], _activation(steps[place + 1 : place + 2])
        place += 1 if activation is None else 2
        if not isinstance(map_, Affine):
            return None
        inputs, bias = map_.inputs.shape[1], map_.bias != -1
        if not map_.channels_first:
            layers.append(Dense(inputs, map_.outputs, bias, activation or "identity"))
        elif len(shape) == 3 and isinstance((*steps, None)[place], Largest):
            layers.append(Conv(shape[0], map_.outputs, *shape[1:], activation or "identity", bias))
            shape, place = (map_.outputs, shape[1] // 2, shape[2] // 2), place + 1
        else:
            return None
    return tuple(layers) if layers and isinstance(layers[-1], Dense) else None


def _activation(steps: list[GraphStep]) -> str | None:
    return steps[0].activation if steps and isinstance(steps[0], Activated) else None


def _as_transformer(make: Callable[[], nn.Module], graph: Graph) -> TracedModule | None:
    sizes = _transformer(graph)
    if sizes is None:
        return None
    reference = _traced_or_none(transformer_factory(sizes)(), graph)
    if reference is None or reference != graph:
        return None
    own = dict(zip(reference.parameters, graph.parameters, strict=True))
    return TracedModule(make, sizes, tuple((own[name], s) for name, s in sizes.shapes.items()))


def _transformer(graph: Graph) -> Transformer | None:
    """The vision transformer that a graph would be, if it is one."""
    embedding, attention = graph.steps[0], _of_kind(graph, Softmax)
    activations = {step.activation for step in _of_kind(graph, Activated)}
    if not (isinstance(embedding, Affine) and attention and len(activations) == 1):
        return None
    colours, side = graph.shape[0], graph.shape[-1]
    patch = isqrt(embedding.inputs.shape[1] // colours)
    heads = len(attention[0].inputs) // attention[0].inputs.shape[1]
    width, depth = embedding.outputs, len(attention)
    classes, activation = len(graph.logits), activations.pop()
    if len(graph.shape) != 3 or min(patch, heads) < 1 or side % patch or width % heads:
        return None
    return Transformer(colours, side, patch, depth, width, heads, activation, classes)


def _of_kind(graph: Graph, kind: type[StepKind]) -> list[StepKind]:
    return [step for step in graph.steps if isinstance(step, kind)]


def _check_same(net: nn.Module, graph: Graph) -> None:
    """See that a module gives the logits and gradients of its graph."""
    named = dict(net.named_parameters())
    reference = GraphModule(graph)
    draw = np.random.default_rng(0)
    with torch.no_grad():
        for parameter, own in zip(reference.parameters(), graph.parameters, strict=True):
            spread = 0.5 * prod(parameter.shape[1:]) ** -0.5
            named[own].add_(_normal(draw, *parameter.shape, spread=spread))
            parameter.copy_(named[own])
    own_order = {name: named[name] for name in graph.parameters}
    if graph.statistics:
        reference.statistics = torch.cat(_statistics(net, graph))
    compare = partial(_compare, net, own_order, reference, graph)
    for rows in _ROWS:
        compare(_normal(draw, rows, *graph.shape))
    for each in (net, reference):
        each.double()  # large inputs make rounding large
    compare(_SPREAD * _normal(draw, 2, *graph.shape).double())
    compare(_BRIGHTEST * _normal(draw, 2, *graph.shape).clamp(0, 1).double())


def _compare(
    net: nn.Module,
    parameters: Mapping[str, Tensor],
    reference: GraphModule,
    graph: Graph,
    x: Tensor,
) -> None:
    """See that both answer inputs alike, in both modes, and keep the same running statistics."""
    classes, expected = len(graph.logits), list[Tensor]()
    for training in _modes(graph, len(x)):
        set_mode(net, training)
        if graph.batch_norms or not expected:
            reference.train(training)
            expected = _answer(reference, dict(reference.named_parameters()), x, classes)
            if not all(bool(each.isfinite().all()) for each in expected):
                raise UntraceableError("its logits or gradients are not finite for some inputs")
        if not _all_close(_answer(net, parameters, x, classes), expected):
            raise UntraceableError("its logits or gradients are not those of its trace")
    if graph.statistics and not _all_close(
        [torch.cat(_statistics(net, graph))], [reference.statistics]
    ):
        raise UntraceableError("its running statistics are not those of its trace")


def _modes(graph: Graph, rows: int) -> list[bool]:
    """Modes, training or not, in which so many samples can be answered: one is no batch."""
    modes = [True, False]
    if rows == 1 and graph.batch_norms:
        modes = [] if graph.mixes_always else [False]
    return modes


def _statistics(net: nn.Module, graph: Graph) -> list[Tensor]:
    buffers = dict(net.named_buffers())
    return [buffers[name] for name in graph.statistics]


def _normal(draw: np.random.Generator, *shape: int, spread: float = 1.0) -> Tensor:
    return torch.from_numpy(draw.normal(scale=spread, size=shape).astype(np.float32))


def _answer(
    net: nn.Module, parameters: Mapping[str, Tensor], x: Tensor, classes: int
) -> list[Tensor]:
    """Logits with and without gradients, and those of a mixture of them by each parameter."""
    with exact_float32(), seeded(0), torch.enable_grad():
        try:
            logits = net(x)
            _check_derivatives(logits)
            mixed = (logits * torch.linspace(-1, 2, logits.numel()).reshape(-1, classes)).sum()
            gradients = torch.autograd.grad(mixed, list(parameters.values()))
            with torch.no_grad():
                evaluated = net(x)
        except UntraceableError:
            raise
        except Exception as error:
            raise UntraceableError(f"it fails as it is compared with its trace: {error}") from error
    return [logits.detach(), evaluated, *gradients]


def _check_derivatives(logits: Tensor) -> None:
    """See that all derivatives on the way back are torch's own."""
    seen, ahead = set(), [logits.grad_fn]
    while ahead:
        node = ahead.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if isinstance(node, BackwardCFunction):
            raise UntraceableError(f"it calls {type(node).__name__}, of a derivative of its own")
        ahead += [before for before, _ in node.next_functions]


def _all_close(found: Sequence[Tensor], expected: Sequence[Tensor]) -> bool:
    """Whether tensors agree; a gradient of rounding alone is small beside the others."""
    largest = [float(each.abs().max()) for each in expected]
    scales = [_RELATIVE * max(each, _SMALL * max(largest)) for each in largest]
    return all(
        one.shape == other.shape and torch.allclose(one, other, rtol=0.0, atol=scale)
        for one, other, scale in zip(found, expected, scales, strict=True)
    )
