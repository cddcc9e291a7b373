"""The order in which a replica sees its samples, the same in every back end.

Epoch e of a replica has its own permutation: a Fisher-Yates shuffle of 0..n-1, from n-1 down to
1, whose swaps come from SplitMix64 (Steele, Lea and Flood 2014) started at
`derive(seed, "order") + (e << 32)`, e = 0, 1, ...; step i swaps with `(high32 * (i + 1)) >> 32`.
The native kernels hold the same generator.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from emc.seeds import derive

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_EPOCHS_PER_BLOCK = 32
_SAMPLES_PER_BLOCK = 1 << 22
_SWAPS_AT_ONCE = 64


def order_state(seed: int) -> int:
    """Start of the SplitMix64 stream of a replica's epoch 0."""
    return derive(seed, "order")


def permutations(seed: int, n: int, first: int, count: int) -> np.ndarray:
    """Permutations of the epochs `first` to `first + count - 1`, int64 [count, n]."""
    return joint_permutations([seed], [n], first, count)[0]


def joint_permutations(
    seeds: Sequence[int], sizes: Sequence[int], first: int, count: int
) -> list[np.ndarray]:
    """`permutations` of several replicas, int64 [count, n] each, shuffled side by side."""
    by_size = sorted(range(len(sizes)), key=lambda replica: -sizes[replica])
    states = np.array([order_state(seeds[replica]) for replica in by_size], dtype=np.uint64)
    epochs = (np.uint64(first) + np.arange(count, dtype=np.uint64)) << np.uint64(32)
    n = np.repeat([sizes[replica] for replica in by_size], count)
    table = _shuffled((states[:, None] + epochs).ravel(), n)
    shuffled: list[np.ndarray] = [table] * len(sizes)
    for place, replica in enumerate(by_size):
        columns = table[: sizes[replica], place * count : (place + 1) * count]
        shuffled[replica] = np.ascontiguousarray(columns.T)
    return shuffled


def epochs(seed: int, n: int, first: int = 0) -> Iterator[np.ndarray]:
    """The permutations of the epochs from `first` on, without end."""
    return Shuffles([seed], [n]).epochs(0, first)


class Shuffles:
    """The permutations of replicas that pass through their epochs together.

    They are made in blocks of epochs, of which the last two are kept: no replica may fall behind
    another by more than a block.
    """

    def __init__(self, seeds: Sequence[int], sizes: Sequence[int]) -> None:
        """Take the replicas' seeds and numbers of samples."""
        self._seeds, self._sizes = seeds, sizes
        self._live = list(range(len(seeds)))
        self._count = max(1, min(_EPOCHS_PER_BLOCK, _SAMPLES_PER_BLOCK // sum(sizes)))
        self._blocks: dict[int, dict[int, np.ndarray]] = {}

    def keep(self, replicas: Sequence[int]) -> None:
        """Make blocks for these replicas only from here on."""
        self._live = list(replicas)

    def epochs(self, replica: int, first: int = 0) -> Iterator[np.ndarray]:
        """The permutations of a replica's epochs from `first` on, without end."""
        number, place = divmod(first, self._count)
        while True:
            yield from self._block(number)[replica][place:]
            number, place = number + 1, 0

    def _block(self, number: int) -> dict[int, np.ndarray]:
        if number not in self._blocks:
            made = joint_permutations(
                [self._seeds[replica] for replica in self._live],
                [self._sizes[replica] for replica in self._live],
                number * self._count,
                self._count,
            )
            self._blocks.pop(number - 2, None)
            self._blocks[number] = dict(zip(self._live, made, strict=True))
        return self._blocks[number]


def _shuffled(states: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Shuffle 0..n-1 in each column, int64 [n[0], columns]; n falls from column to column."""
    width = len(n)
    table = np.tile(np.arange(n[0])[:, None], (1, width))
    cells = table.ravel()
    falling = -n
    for top in range(int(n[0]) - 1, 0, -_SWAPS_AT_ONCE):
        rows = np.arange(top, max(top - _SWAPS_AT_ONCE, 0), -1)
        partners = _partners(states, n, rows) * width + np.arange(width)
        live_columns = np.searchsorted(falling, -rows).tolist()
        for row, partner, live in zip(rows.tolist(), partners, live_columns, strict=True):
            other = partner[:live]
            held = table[row, :live].copy()
            table[row, :live] = cells[other]
            cells[other] = held
    return table


def _partners(states: np.ndarray, n: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The row that each of `rows` swaps with, int64 [rows, columns]; unused where row >= n."""
    draw = (n - rows[:, None]).astype(np.uint64)
    word = _mix(states + draw * _GAMMA) >> np.uint64(32)
    partners: np.ndarray = (word * (rows[:, None] + 1).astype(np.uint64)) >> np.uint64(32)
    return partners.astype(np.int64)


def _mix(state: np.ndarray) -> np.ndarray:
    z: np.ndarray = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z
