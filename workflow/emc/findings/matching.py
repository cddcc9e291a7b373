"""Which cells differ in one factor only, so that their EMC may be compared."""

import json
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

import polars as pl

from emc.findings.factors import Factor

SIZE_RATIO: Final = 1.1
"""Nets count as equally large when each is at most this factor larger than the next smaller."""

_EFFORT: Final = ("search", "endpoints")


def matched(cells: pl.DataFrame, factor: Factor, *, apart: Sequence[str] = ()) -> pl.Series:
    """Number of the group of each row of the view `emc`, Int64: equal but for `factor`.

    How many probes a cell may spend does not set cells apart, nor do the keys in `apart`; label
    spaces of different size do, unless they are the factor. Where a study has full-batch cells,
    optimizers match across batch sizes, since the batch then belongs to the optimizer.
    """
    left_out = {*factor.keys, *apart, *_EFFORT}
    if factor.name == "optimizer" and cells["batch"].null_count():
        left_out.add("batch")
    split = map(_leaves_of, cells["definition"])
    keys: list[Hashable] = [
        (
            None if factor.name == "classes" else classes,
            *map(leaves.__getitem__, _kept(names, frozenset(left_out))),
        )
        for (names, leaves), classes in zip(split, cells["classes"], strict=True)
    ]
    if factor.equal_size:
        sizes = _size_classes(keys, cells["parameters"].to_list())
        keys = list(zip(keys, sizes, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return pl.Series("group", [numbers[key] for key in keys], pl.Int64)


@lru_cache(maxsize=100_000)
def _leaves_of(definition: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of a definition's leaves, `key` or `key.key`, and each with its value as text."""
    leaves = tuple(_leaves(json.loads(definition)))
    names = tuple(name for name, _ in leaves)
    return names, tuple(f"{name}={value!r}" for name, value in leaves)


def _leaves(part: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


@lru_cache(maxsize=1000)
def _kept(names: tuple[str, ...], left_out: frozenset[str]) -> tuple[int, ...]:
    """Places of the leaves that are not left out; cells of a study share few sets of names."""
    return tuple(place for place, name in enumerate(names) if not _within(name, left_out))


def _within(leaf: str, keys: frozenset[str]) -> bool:
    return leaf in keys or leaf.split(".", maxsplit=1)[0] in keys


def _size_classes(keys: Sequence[Hashable], sizes: Sequence[int | None]) -> list[int]:
    """Chains of sizes within one key, each at most `SIZE_RATIO` above its predecessor.

    A cell whose size is unknown is alone: nothing says that it is of equal size.
    """
    alike: dict[Hashable, list[tuple[int, int]]] = {}
    classes = [0] * len(keys)
    for row, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        if size is None:
            classes[row] = -1 - row
        else:
            alike.setdefault(key, []).append((size, row))
    for ranked in map(sorted, alike.values()):
        for (smaller, before), (size, row) in pairwise(ranked):
            classes[row] = classes[before] + (size > SIZE_RATIO * smaller)
    return classes
