"""The state of replicas that train together, one row each, on the device."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from emc.engine.procedure import Replica
from emc.engine.stacked.flat import FlatNet


@dataclass(frozen=True, slots=True)
class Stack:
    """K replicas; the last dimension of `rows` and `labels` is as long as the largest n.

    pool       float32 [inputs, *shape]   the inputs that any of them uses
    rows       int64 [K, n]               sample -> pool; padded with the replica's first sample
    labels     int64 [K, n]               padded likewise
    counts     int64 [K]                  each replica's n
    weights    float32 [K, parameters]    trained in place
    moments    [K, length] each           of the optimizer, in place
    constants  [K, *shape] each           buffers and frozen parameters
    """

    pool: Tensor
    rows: Tensor
    labels: Tensor
    counts: Tensor
    weights: Tensor
    moments: list[Tensor]
    constants: list[Tensor]

    @property
    def rest(self) -> tuple[Tensor, ...]:
        """Moments and constants."""
        return (*self.moments, *self.constants)

    @property
    def state(self) -> tuple[Tensor, ...]:
        """All that belongs to the replicas' nets and optimizers."""
        return (self.weights, *self.rest)

    @property
    def height(self) -> int:
        """Number of replicas."""
        return len(self.counts)

    def pick(self, places: Sequence[int]) -> "Stack":
        """A stack of copies of these replicas; the pool is shared."""
        chosen = torch.tensor(places, device=self.counts.device)
        return Stack(
            self.pool,
            self.rows[chosen],
            self.labels[chosen],
            self.counts[chosen],
            self.weights[chosen],
            [moment[chosen] for moment in self.moments],
            [constant[chosen] for constant in self.constants],
        )

    def batch(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs [K, batch, *shape] and labels [K, batch] of samples int64 [K, batch]."""
        return self.pool[self.rows.gather(1, samples)], self.labels.gather(1, samples)

    def chunk(self, first: int, length: int) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and labels of samples `first`, ..., and how many of them each replica has.

        Always `length` wide: a replica with fewer repeats its first sample.
        """
        samples = torch.arange(first, first + length, device=self.counts.device)
        own = samples * (samples < self.counts[:, None])
        return *self.batch(own), (self.counts - first).clamp(0, length)


def stacked(
    flat: FlatNet,
    nets: Sequence[nn.Module],
    replicas: Sequence[Replica],
    lengths: Sequence[int],
    device: torch.device,
) -> Stack:
    """The replicas at the start of training, with moments of these lengths at zero."""
    pool, rows = _pooled(replicas)
    weights = torch.stack([flat.weights(net) for net in nets]).to(device)
    constants = zip(*(flat.constants(net) for net in nets), strict=True)
    return Stack(
        torch.from_numpy(pool).to(device),
        torch.from_numpy(_padded(rows)).to(device),
        torch.from_numpy(_padded([replica.labels for replica in replicas])).to(device),
        torch.tensor([replica.n for replica in replicas], device=device),
        weights,
        [weights.new_zeros(len(weights), length) for length in lengths],
        [torch.stack(each).to(device) for each in constants],
    )


def _pooled(replicas: Sequence[Replica]) -> tuple[np.ndarray, list[np.ndarray]]:
    """Every input that is used, once for each array it comes from, and where each sample is."""
    sources = {id(replica.inputs): replica.inputs for replica in replicas}
    used = {
        key: np.unique(np.concatenate([r.rows for r in replicas if id(r.inputs) == key]))
        for key in sources
    }
    starts = dict(zip(used, np.cumsum([0, *map(len, used.values())]), strict=False))
    rows = [
        starts[id(replica.inputs)] + np.searchsorted(used[id(replica.inputs)], replica.rows)
        for replica in replicas
    ]
    return np.concatenate([sources[key][used[key]] for key in sources]), rows


def _padded(ragged: Sequence[np.ndarray]) -> np.ndarray:
    table = np.empty((len(ragged), max(map(len, ragged))), dtype=np.int64)
    for row, values in zip(table, ragged, strict=True):
        row[:] = values[0]
        row[: len(values)] = values
    return table
