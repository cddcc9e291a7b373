"""Equal inputs: how many there are, and how many of them carry different labels."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np

BINDING: Final = 0.5
"""With this many conflicts expected, two draws in five have at least one (Poisson)."""
_BLOCK_BYTES: Final = 1 << 22


@dataclass(frozen=True, slots=True)
class EqualInputs:
    """How samples of equal inputs stand in the way of a fit.

    `duplicates` counts the samples whose input an earlier one already has, `conflicts` the
    distinct inputs that carry more than one label, `pairs` the pairs of samples with equal
    inputs and `conflicting_pairs` those of them whose labels differ.
    """

    samples: int
    duplicates: int
    conflicts: int
    pairs: int
    conflicting_pairs: int

    @property
    def distinct(self) -> int:
        """Number of distinct inputs."""
        return self.samples - self.duplicates

    def expected_conflicts(self, n: int) -> float:
        """Expected number of conflicting pairs among n samples drawn without replacement."""
        if n < 2:
            return 0.0
        return self.conflicting_pairs * n * (n - 1) / (self.samples * (self.samples - 1))


def blocks(rows: np.ndarray) -> Iterator[slice]:
    """Slices that cover the first axis in pieces of a few megabytes."""
    each = max(1, _BLOCK_BYTES // max(1, rows[:1].nbytes))
    for start in range(0, len(rows), each):
        yield slice(start, min(start + each, len(rows)))


def digests(rows: np.ndarray) -> np.ndarray:
    """A 128-bit digest of each row's numbers, uint64 [n, 2]; rows may be a map larger than memory.

    A zero has no sign: to a net, both are one.
    Of 2e7 distinct rows two share a digest with probability 6e-25 (birthday bound).
    """
    found = np.empty((len(rows), 2), dtype=np.uint64)
    for block in blocks(rows):
        flat = np.ascontiguousarray(rows[block]).reshape(block.stop - block.start, -1)
        if flat.dtype.kind == "f":
            flat = flat + flat.dtype.type(0)
        joined = b"".join(blake2b(row.data, digest_size=16).digest() for row in flat)
        found[block] = np.frombuffer(joined, dtype="<u8").reshape(-1, 2)
    return found


def equal_inputs(keys: np.ndarray, labels: np.ndarray) -> EqualInputs:
    """Count equal inputs; `keys` are `digests` of the inputs, `labels` int64 [n], n > 0."""
    first, first_of_label = _firsts(keys, labels)
    pairs = _pairs(first)
    return EqualInputs(
        samples=len(keys),
        duplicates=len(keys) - int(first.sum()),
        conflicts=int((_labels_of_input(first, first_of_label) > 1).sum()),
        pairs=pairs,
        conflicting_pairs=pairs - _pairs(first_of_label),
    )


def samples_in_conflict(keys: np.ndarray, labels: np.ndarray) -> int:
    """How many samples have an input that another sample has with another label."""
    first, first_of_label = _firsts(keys, labels)
    return int(_sizes(first)[_labels_of_input(first, first_of_label) > 1].sum())


def _firsts(keys: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Samples in order of input and label: which are first of their input, which of both."""
    order = np.lexsort((labels, keys[:, 1], keys[:, 0]))
    keys, labels = keys[order], labels[order]
    first = np.ones(len(keys), dtype=bool)
    first[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    first_of_label = first.copy()
    first_of_label[1:] |= labels[1:] != labels[:-1]
    return first, first_of_label


def _labels_of_input(first: np.ndarray, first_of_label: np.ndarray) -> np.ndarray:
    """How many labels each input has."""
    return np.add.reduceat(first_of_label.astype(np.int64), np.flatnonzero(first))


def _sizes(first: np.ndarray) -> np.ndarray:
    """Sizes of the groups whose first members are marked."""
    return np.diff(np.append(np.flatnonzero(first), len(first)))


def _pairs(first: np.ndarray) -> int:
    """Pairs inside such groups."""
    sizes = _sizes(first)
    return int((sizes * (sizes - 1) // 2).sum())
