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
    keys: list[Hashable] = [
        (
            None if factor.name == "classes" else classes,
            *(part for key, part in _parts(text) if not _within(key, left_out)),
        )
        for text, classes in zip(cells["definition"], cells["classes"], strict=True)
    ]
    if factor.equal_size:
        sizes = _size_classes(keys, cells["parameters"].to_list())
        keys = list(zip(keys, sizes, strict=True))
    numbers = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return pl.Series("group", [numbers[key] for key in keys], pl.Int64)


@lru_cache(maxsize=100_000)
def _parts(definition: str) -> tuple[tuple[str, str], ...]:
    """Leaves of a definition, `key` or `key.key`, as JSON; many questions ask for the same."""
    return tuple(_leaves(json.loads(definition)))


def _leaves(part: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in part.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", f"{prefix}{key}={json.dumps(value)}"


def _within(leaf: str, keys: set[str]) -> bool:
    return leaf in keys or leaf.split(".", maxsplit=1)[0] in keys


def _size_classes(keys: Sequence[Hashable], sizes: Sequence[int]) -> list[int]:
    """Chains of sizes within one key, each at most `SIZE_RATIO` above its predecessor."""
    alike: dict[Hashable, list[int]] = {}
    for row, key in enumerate(keys):
        alike.setdefault(key, []).append(row)
    classes = [0] * len(keys)
    for rows in alike.values():
        rows.sort(key=lambda row: sizes[row])
        for before, row in pairwise(rows):
            classes[row] = classes[before] + (sizes[row] > SIZE_RATIO * sizes[before])
    return classes
