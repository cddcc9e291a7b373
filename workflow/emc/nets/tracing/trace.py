"""A module called with symbols in place of its inputs and parameters."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from typing import Final

import numpy as np
import torch
from torch import nn

from emc.nets.copies import changed_by_mode
from emc.nets.fragile import held_parameters
from emc.nets.generators import GeneratorStates, generators_kept
from emc.nets.graph import Graph, Taken, by_use, numbers_of, of_parameter
from emc.nets.kept import kept
from emc.nets.tracing.admission import check_admitted
from emc.nets.tracing.recorder import Recorder
from emc.nets.tracing.statistics import as_they_are, symbols_for_statistics
from emc.nets.tracing.symbol import Symbol
from emc.nets.tracing.untraceable import UntraceableError, none_swallowed

_TIMES: Final = (True, False, True, False)
"""Modes, training or not, in which a module is called: twice each, to see that it does not vary."""
_CPU: Final = torch.device("cpu")


def traced(net: nn.Module, shape: tuple[int, ...], classes: int) -> Graph:
    """The computation of a module from inputs [batch, *shape] to logits [batch, classes].

    It is the same in both modes, but for what batch norms normalise by. The module is called,
    without numbers, and is left as it was.

    Raises:
        UntraceableError: the computation is not one that a graph describes, uses a parameter in
            several steps or not at all, or differs between calls.
    """
    check_admitted(net)
    before, held = kept(net), as_they_are(net)
    with generators_kept(_CPU), torch.enable_grad(), _modes_kept(net):
        generators = GeneratorStates.now(_CPU)
        graphs = [_in_mode(net, training, shape, classes) for training in _TIMES]
        if drawn := generators.moved(_CPU):
            raise UntraceableError(f"it draws random numbers, from {drawn[0]!r}")
    check_admitted(net)  # a change of mode may have frozen a parameter
    if (now := kept(net)) != before:
        names = map(repr, before.changed(now))
        raise UntraceableError(f"it changes {next(names, 'its attributes')} as it is called")
    for name, buffer in as_they_are(net).items():
        if buffer != held.get(name):
            raise UntraceableError(f"it changes {name!r} as it changes its mode")
    if changed := changed_by_mode(net):
        raise UntraceableError(changed)
    if any(graph != graphs[0] for graph in graphs[1:]):
        raise UntraceableError("it computes differently from call to call, or in evaluation")
    return graphs[0]


def _in_mode(net: nn.Module, training: bool, shape: tuple[int, ...], classes: int) -> Graph:
    set_mode(net, training)
    recorder = Recorder(prod(shape), training=training)
    inputs = Symbol(recorder, np.arange(prod(shape)).reshape(shape), 0)
    with (
        _symbols_for_parameters(net, recorder) as shapes,
        symbols_for_statistics(net) as statistics,
    ):
        logits = _called(net, inputs)
    if not isinstance(logits, Symbol) or logits.axis != 0 or logits.places.shape != (classes,):
        raise UntraceableError(f"it does not give the logits of {classes} classes")
    places = _side_by_side(recorder, logits.places)
    _check_use(recorder, shapes)
    if unused := sorted(statistics.keys() - recorder.statistics):
        raise UntraceableError(f"{unused[0]!r} is not used")
    steps, used = by_use(recorder.steps, shapes)
    return Graph(shape, used, steps, places, recorder.statistics)


def _side_by_side(recorder: Recorder, logits: np.ndarray) -> np.ndarray:
    places = recorder.computed(logits)
    if np.array_equal(places, places[0] + np.arange(len(places))):
        return places
    return recorder.add(Taken(places), places)


def _called(net: nn.Module, inputs: Symbol) -> object:
    try:
        with none_swallowed():
            return net(inputs)
    except UntraceableError:
        raise
    except Exception as error:
        raise UntraceableError(f"it fails as it is traced: {error}") from error


def _check_use(recorder: Recorder, shapes: dict[str, tuple[int, ...]]) -> None:
    """See that each parameter is used, and each of its numbers by one step at most."""
    uses = np.zeros(sum(map(prod, shapes.values())), np.int64)
    for step in recorder.steps:
        uses[numbers_of(step)] += 1
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    for name, own in zip(shapes, np.split(uses, ends[:-1]), strict=True):
        if own.max() != 1:
            times = "more than once" if own.any() else "not"
            raise UntraceableError(f"{name!r} is {times} used")


@contextmanager
def _symbols_for_parameters(
    net: nn.Module, recorder: Recorder
) -> Iterator[dict[str, tuple[int, ...]]]:
    """Put symbols in the places of parameters meanwhile; gives their shapes by name."""
    shapes = {name: tuple(each.shape) for name, each in net.named_parameters()}
    kept = {layer: dict(held_parameters(layer)) for layer in net.modules()}
    first = 0
    try:
        for layer, parameters in kept.items():
            for key, parameter in parameters.items():
                if parameter is None:
                    continue
                numbers = np.arange(first, first + parameter.numel()).reshape(parameter.shape)
                first += parameter.numel()
                symbol = Symbol(recorder, of_parameter(numbers), None)
                held_parameters(layer)[key] = symbol  # type: ignore[assignment]
        yield shapes
    finally:
        for layer, parameters in kept.items():
            held_parameters(layer).update(parameters)


def set_mode(net: nn.Module, training: bool) -> None:
    """As those do who train a net: a module may have methods of its own for it."""
    if training:
        net.train()
    else:
        net.eval()


@contextmanager
def _modes_kept(net: nn.Module) -> Iterator[None]:
    modes = {layer: layer.training for layer in net.modules()}
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
