"""A graph as the table of whole numbers that its kernel reads: mirrors `kernel/graph.hpp`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from math import prod
from typing import Any, Final

import numpy as np

from emc.native.activation import number
from emc.nets import graph
from emc.nets.graph import ZERO, Graph, GraphStep, of_parameter

_KINDS: Final = (
    graph.Taken,
    graph.Affine,
    graph.Activated,
    graph.Sum,
    graph.Rescaled,
    graph.Normalised,
    graph.Softmax,
    graph.Product,
    graph.Largest,
    graph.Mean,
    graph.BatchNormalised,
)
"""In the order of `GraphStep::Kind`."""
Numbers = Sequence[int] | np.ndarray


def graph_table(net: Graph) -> np.ndarray:
    """The table, int64: sizes, then one step after the other."""
    statistics = sum(map(prod, net.statistics.values()))
    sizes = (prod(net.shape), net.places, net.size, statistics, len(net.logits), net.logits[0])
    parts: list[Numbers] = [sizes, [len(net.steps)]]
    first = prod(net.shape)
    for step in net.steps:
        parts += [[_KINDS.index(type(step)), first], *_encoded(step)]
        first += step.size
    return np.concatenate([np.ravel(part).astype(np.int64) for part in parts])


@singledispatch
def _encoded(step: GraphStep) -> Iterator[Numbers]:
    raise AssertionError(f"no encoding of {step}")


@_encoded.register
def _(step: graph.Taken) -> Iterator[Numbers]:
    yield from _listed(step.inputs)


@_encoded.register
def _(step: graph.Affine) -> Iterator[Numbers]:
    bias = -1 if step.bias == ZERO else of_parameter(step.bias)
    apart = len(step.inputs) if step.channels_first else 1
    yield (of_parameter(step.weight), bias, step.outputs, apart, step.inputs.shape[1])
    yield step.inputs[0] - step.inputs[0, 0]
    walks = _walks(step)
    yield [len(walks)]
    yield from walks


@_encoded.register
def _(step: graph.Activated) -> Iterator[Numbers]:
    yield [number(step.activation)]
    yield from _listed(step.inputs)


@_encoded.register
def _(step: graph.Sum) -> Iterator[Numbers]:
    yield from _listed(step.left)
    yield step.right


@_encoded.register
def _(step: graph.Rescaled) -> Iterator[Numbers]:
    yield [_bits(step.factor)]
    yield from _listed(step.inputs)


@_encoded.register
def _(step: graph.Normalised) -> Iterator[Numbers]:
    yield [_bits(-1.0 if step.epsilon is None else step.epsilon)]
    yield from _listed(step.inputs)
    yield [step.centred]
    for parameters in (step.gains, step.shifts):
        yield [parameters.size > 0]
        yield of_parameter(parameters)


@_encoded.register
def _(step: graph.BatchNormalised) -> Iterator[Numbers]:
    yield [_bits(step.epsilon)]
    yield from _listed(step.inputs)
    yield [step.momentum is None, _bits(step.momentum or 0.0), step.statistics]
    for parameters in (step.gains, step.shifts):
        yield [parameters.size > 0]
        yield of_parameter(parameters)


@_encoded.register(graph.Softmax)
@_encoded.register(graph.Largest)
@_encoded.register(graph.Mean)
def _(step: graph.Softmax | graph.Largest | graph.Mean) -> Iterator[Numbers]:
    yield from _listed(step.inputs)


@_encoded.register
def _(step: graph.Product) -> Iterator[Numbers]:
    count, rows, depth = step.left.shape
    yield (count, rows, depth, step.right.shape[2])
    for pair in zip(step.left, step.right, strict=True):
        for matrix in pair:
            yield (matrix[0, 0], _step(matrix[:, 0]), _step(matrix[0]))


def _listed(places: np.ndarray) -> Iterator[Numbers]:
    rows = places if places.ndim == 2 else places[None]
    yield rows.shape
    yield rows


def _step(places: np.ndarray) -> int:
    return int(places[1] - places[0]) if len(places) > 1 else 0


def _bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))


@dataclass(frozen=True, slots=True)
class _Run:
    """Evenly spaced things: the first one's places, how many, how far apart, and their kind."""

    start: tuple[int, int]
    count: int
    apart: tuple[int, int]
    kind: Any


def _walks(step: graph.Affine) -> list[tuple[int, ...]]:
    """Positions as `PositionWalk`s: neighbours in rows, rows in blocks."""
    reads = step.inputs[:, 0]
    writes = np.arange(len(reads)) * (1 if step.channels_first else step.outputs)
    points = [((int(read), int(write)), None) for read, write in zip(reads, writes, strict=True)]
    lines = [(run.start, run.count) for run in _runs(points, only=(1, 1))]
    rows = [(run.start, (run.kind, run.count, run.apart)) for run in _runs(lines)]
    return [_walk(block) for block in _runs(rows)]


def _walk(block: _Run) -> tuple[int, ...]:
    length, inner, apart = block.kind
    strides = (block.apart[0], apart[0], block.apart[1], apart[1])
    return (*block.start, block.count, inner, length, *strides)


def _runs(
    things: Sequence[tuple[tuple[int, int], Any]], only: tuple[int, int] | None = None
) -> list[_Run]:
    """Neighbours of one kind that lie evenly apart, `only` so far where that is given."""
    runs: list[_Run] = []
    for start, kind in things:
        if runs and (longer := _longer(runs[-1], start, kind, only)):
            runs[-1] = longer
        else:
            runs.append(_Run(start, 1, (0, 0), kind))
    return runs


def _longer(
    run: _Run, start: tuple[int, int], kind: Any, only: tuple[int, int] | None
) -> _Run | None:
    last = tuple(run.start[side] + (run.count - 1) * run.apart[side] for side in (0, 1))
    apart = (start[0] - last[0], start[1] - last[1])
    wanted = run.apart if run.count > 1 else only or apart
    if (kind, apart) != (run.kind, wanted):
        return None
    return replace(run, count=run.count + 1, apart=apart)
