"""A net as the graph of its computation: plain numbers, without torch.

Every number that a sample's logits are computed from has a place. The inputs have the first places,
in torch's order; each step adds some. Parameters have places too, below zero: parameter i, counted
in the order in which `Graph.parameters` lists their tensors, row by row, is at `of_parameter(i)`;
at `ZERO` is a number that is zero.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from math import prod
from typing import Final, TypeVar

import numpy as np

ZERO: Final = -1


Places = TypeVar("Places", np.ndarray, int)


def of_parameter(numbers: Places) -> Places:
    """Places of parameters; its own inverse."""
    return -2 - numbers


@dataclass(frozen=True, slots=True, eq=False)
class GraphStep:
    """Makes numbers, which take the next places."""

    @property
    def size(self) -> int:
        """How many it makes."""
        raise NotImplementedError


class _OneForOne(GraphStep):
    """Makes as many numbers as it takes."""

    __slots__ = ()

    inputs: np.ndarray

    @property
    def size(self) -> int:
        """As `GraphStep` says."""
        return self.inputs.size


class _OneForRow(GraphStep):
    """Makes a number of each row of those that it takes."""

    __slots__ = ()

    inputs: np.ndarray

    @property
    def size(self) -> int:
        """As `GraphStep` says."""
        return len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Taken(_OneForOne):
    """Numbers out of places [m], of parameters or zeros, as they are."""

    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Affine(GraphStep):
    """W x + b with x the numbers at each row of `inputs` [positions, terms].

    W [outputs, terms] begins at the place `weight`, b [outputs] at `bias`; that is `ZERO` for none.
    Outputs are [positions, outputs], or [outputs, positions] where `channels_first`.
    """

    weight: int
    bias: int
    outputs: int
    channels_first: bool
    inputs: np.ndarray

    @property
    def size(self) -> int:
        """As `GraphStep` says."""
        return self.outputs * len(self.inputs)


@dataclass(frozen=True, slots=True, eq=False)
class Activated(_OneForOne):
    """An activation of `emc.activations` of the numbers at `inputs` [m]."""

    activation: str
    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Sum(GraphStep):
    """The numbers at `left` [m] plus those at `right` [m], where parameters may be."""

    left: np.ndarray
    right: np.ndarray

    @property
    def size(self) -> int:
        """As `GraphStep` says."""
        return self.left.size


@dataclass(frozen=True, slots=True, eq=False)
class Rescaled(_OneForOne):
    """`factor` times the numbers at `inputs` [m]."""

    factor: float
    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Normalised(_OneForOne):
    """Each row of `inputs` [rows, m] minus its mean, over sqrt(variance + epsilon).

    Without its mean where not `centred`, over sqrt(mean of squares + epsilon). An epsilon of None
    is that of the arithmetic: the distance from 1 to the next number. Then times the parameters at
    `gains` [rows, m], plus those at `shifts`; each is empty where there are none.
    """

    epsilon: float | None
    centred: bool
    inputs: np.ndarray
    gains: np.ndarray
    shifts: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class BatchNormalised(_OneForOne):
    """Each row of `inputs` [channels, m] minus its mean, over sqrt(variance + epsilon).

    In training these are over all samples of a batch, too. In evaluation they are running ones,
    which each batch's own, with the unbiased variance, replace by the share `momentum`; None for
    the mean of all batches. They stand in `Graph.statistics` from the number `statistics` on, first
    the channels' means and then their variances; -1: there are none, and evaluation is as training.
    Then times the parameters at `gains` [channels], plus those at `shifts`; each is empty where
    there are none.
    """

    epsilon: float
    momentum: float | None
    statistics: int
    inputs: np.ndarray
    gains: np.ndarray
    shifts: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Softmax(_OneForOne):
    """The softmax of each row of `inputs` [rows, m]."""

    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Product(GraphStep):
    """Matrix products [count, i, j] of `left` [count, i, k] and `right` [count, k, j]."""

    left: np.ndarray
    right: np.ndarray

    @property
    def size(self) -> int:
        """As `GraphStep` says."""
        count, rows, _ = self.left.shape
        return int(count * rows * self.right.shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class Largest(_OneForRow):
    """The largest number of each row of `inputs` [rows, m], the first of several."""

    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Mean(_OneForRow):
    """The mean of each row of `inputs` [rows, m]."""

    inputs: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """From `shape`, that of a sample, to the places `logits` [classes].

    `parameters` are shapes by name, in the order of their first use; so are the running
    `statistics` of batch norms. Graphs of the same numbers are equal, whatever the names.
    """

    shape: tuple[int, ...]
    parameters: Mapping[str, tuple[int, ...]]
    steps: tuple[GraphStep, ...] = field(repr=False)
    logits: np.ndarray = field(repr=False)
    statistics: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _digest: bytes = field(init=False, repr=False)

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(map(prod, self.parameters.values()))

    @property
    def places(self) -> int:
        """How many numbers a sample takes."""
        return prod(self.shape) + sum(step.size for step in self.steps)

    @property
    def batch_norms(self) -> tuple[BatchNormalised, ...]:
        """The steps whose samples depend on one another in training."""
        return tuple(step for step in self.steps if isinstance(step, BatchNormalised))

    @property
    def mixes_always(self) -> bool:
        """Whether samples depend on one another in evaluation, too."""
        return any(step.statistics < 0 for step in self.batch_norms)

    def __post_init__(self) -> None:
        """Take a digest of all that the graph is, but for the names."""
        digest = blake2b(digest_size=16)
        for part in (self.shape, tuple(self.parameters.values()), self.logits):
            digest.update(_bytes(part))
        for step in self.steps:
            digest.update(type(step).__name__.encode())
            for each in fields(step):
                digest.update(_bytes(getattr(step, each.name)))
        object.__setattr__(self, "_digest", digest.digest())

    def __eq__(self, other: object) -> bool:
        """Whether it is the same computation."""
        return isinstance(other, Graph) and self._digest == other._digest

    def __hash__(self) -> int:
        """Equal graphs have equal hashes."""
        return hash(self._digest)


def _bytes(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        return repr(value.shape).encode() + value.astype(np.int64).tobytes()
    return repr(value).encode() + b"\0"


def by_use(
    steps: Sequence[GraphStep], shapes: Mapping[str, tuple[int, ...]]
) -> tuple[tuple[GraphStep, ...], dict[str, tuple[int, ...]]]:
    """The same steps with parameters in the order of their first use, and the shapes of those used.

    In `steps` the parameters are in the order of `shapes`.
    """
    names, sizes = list(shapes), [prod(shape) for shape in shapes.values()]
    starts = np.cumsum([0, *sizes])
    order = list(dict.fromkeys(slot for step in steps for slot in tensors_of(step, starts)))
    new_starts = np.cumsum([0, *(sizes[slot] for slot in order)])
    moved = np.zeros(starts[-1], np.int64)
    for slot, start in zip(order, new_starts, strict=False):
        moved[starts[slot] : starts[slot + 1]] = start + np.arange(sizes[slot])

    def renumbered(places: np.ndarray) -> np.ndarray:
        parameters = places <= of_parameter(0)
        numbers = of_parameter(np.where(parameters, places, -2))
        return np.where(parameters, of_parameter(moved[numbers]), places)

    changed = tuple(_with_places(step, renumbered) for step in steps)
    return changed, {names[slot]: shapes[names[slot]] for slot in order}


def numbers_of(step: GraphStep) -> np.ndarray:
    """The numbers of the parameters that a step computes with, each once."""
    if not isinstance(step, Affine):
        read = np.concatenate([np.ravel(places) for _, places in _places(step)])
        return np.unique(of_parameter(read[read <= of_parameter(0)]))
    weight = of_parameter(step.weight) + np.arange(step.outputs * step.inputs.shape[1])
    bias = of_parameter(step.bias) + np.arange(0 if step.bias == ZERO else step.outputs)
    return np.concatenate([weight, bias])


def tensors_of(step: GraphStep, starts: np.ndarray) -> list[int]:
    """Which tensors of parameters a step reads, in order; `starts` are those of their numbers."""
    read = np.concatenate([np.ravel(places) for _, places in _places(step)])
    numbers = of_parameter(read[read <= of_parameter(0)])
    slots, first = np.unique(np.searchsorted(starts, numbers, side="right") - 1, return_index=True)
    return [int(slot) for slot in slots[np.argsort(first)]]


def _places(step: GraphStep) -> Iterator[tuple[str, np.ndarray]]:
    for each in fields(step):
        value = getattr(step, each.name)
        if isinstance(value, np.ndarray) or each.name in {"weight", "bias"}:
            yield each.name, np.asarray(value, np.int64)


def _with_places(step: GraphStep, change: Callable[[np.ndarray], np.ndarray]) -> GraphStep:
    changed = {name: change(places) for name, places in _places(step)}
    return replace(step, **{name: one if one.ndim else int(one) for name, one in changed.items()})
