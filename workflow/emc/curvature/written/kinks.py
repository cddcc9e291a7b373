"""Kinks of an objective: where a ReLU is at zero, or two outputs of a pooling window tie.

Across a kink the objective is a smooth function plus slope * max(0, c), where c is the kink's
value: the pre-activation z of one unit (and pixel) on one sample, or the difference a - a' of two
outputs of one window. The slope is the loss's derivative along that output, times the jump of the
activation's derivative. Above a kink that is itself at zero, gradients are those of its off side.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from emc.activations import ACTIVATIONS
from emc.curvature.kinks import Kinks
from emc.curvature.logits import logit_loss
from emc.curvature.objective import Objective
from emc.curvature.written.layer import Layer, layers_at
from emc.curvature.written.maps import first_features
from emc.nets.layers import Conv, Layers

ALONE: Final = -1
"""In the place of a second output: the kink is that of a single unit."""
CHUNK_BYTES: Final = 1 << 25
"""Working memory of the samples that are looked at together."""
_AT_ONCE: Final = 4
"""How many times as many kinks are looked at together."""


class LayerKinks:
    """The kinks of a layered net's objective over `inputs` [n, *shape] and `labels` [n].

    A kink's place is a row (layer, sample, output, other output or `ALONE`) of int64 [k, 4]; an
    output is a flat index of [units, *pixels], before pooling.
    """

    def __init__(
        self, net: Layers, inputs: np.ndarray, labels: np.ndarray, objective: Objective
    ) -> None:
        """Take what the objective is made of; nothing is computed yet."""
        self.net, self._inputs, self._labels = net, inputs, labels
        self._objective = objective

    @property
    def any(self) -> bool:
        """Whether the objective has kinks at all."""
        return any(
            ACTIVATIONS[layer.activation].jump or isinstance(layer, Conv) for layer in self.net
        )

    @property
    def additive(self) -> bool:
        """Whether no kink lies above another: one hidden layer, without pooling."""
        return len(self.net) <= 2 and not any(isinstance(layer, Conv) for layer in self.net)

    def scales(self, parameters: np.ndarray) -> np.ndarray:
        """The mean |z| of each layer at a point [P], float64 [layers]."""
        totals = np.zeros(len(self.net))
        for _, rows in self._parts():
            totals += [abs(seen.z).mean() * len(rows) for seen in self._forward(parameters, rows)]
        return totals / len(self._inputs)

    def crossed(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Places of the kinks on whose other side a second point [P] lies."""
        found = [np.zeros((0, 4), np.int64)]
        for start, rows in self._parts():
            for index, pair in enumerate(
                zip(self._forward(before, rows), self._forward(after, rows), strict=True)
            ):
                found.append(_places(index, start, pair[0], *_changes(*pair)))
        return np.concatenate(found)

    def near(self, parameters: np.ndarray, width: float) -> np.ndarray:
        """Places of the kinks whose |c| is at most `width` times the mean of its layer's |z|.

        Windows over equal inputs, as in the background of an image, tie whatever the parameters
        are: these are none.
        """
        found = [np.zeros((0, 4), np.int64)]
        for start, rows in self._parts():
            for index, seen in enumerate(self._forward(parameters, rows)):
                first, second = _close(seen, width * abs(seen.z).mean())
                some = slice(None) if index else _see_different(seen, first, second)
                found.append(_places(index, start, seen, first[some], second[some]))
        return np.concatenate(found)

    def look(self, parameters: np.ndarray, places: np.ndarray) -> Kinks:
        """Values, normals and slopes of the kinks at these places, at a point [P]."""
        many = _AT_ONCE * self._rows
        parts = [places[first : first + many] for first in range(0, len(places), many)]
        if len(parts) <= 1:
            return self._look(parameters, places)
        found = zip(*(self._look(parameters, part) for part in parts), strict=True)
        return Kinks(*(np.concatenate(each) for each in found))

    def _look(self, parameters: np.ndarray, places: np.ndarray) -> Kinks:
        count = len(places)
        kinks = Kinks(
            values=np.zeros(count),
            normals=np.zeros((count, len(parameters))),
            slopes=np.zeros(count),
            on=np.zeros(count, bool),
        )
        if not count:
            return kinks
        trace = self._forward(parameters, self._inputs[places[:, 1]])
        labels, total = self._labels[places[:, 1]], len(self._labels)
        loss = logit_loss(self._objective, trace[-1].features, labels, total)
        g, normal = loss.gradient, np.zeros_like(loss.gradient)
        for index, seen in reversed(list(enumerate(trace))):
            g, normal = seen.spread(g), seen.first * seen.spread(normal)
            mine = np.flatnonzero(places[:, 0] == index)
            _look_at(seen, places, mine, (g, normal), kinks)
            _add_normals(seen, normal, kinks.normals)
            if index:
                g, normal = seen.below(seen.first * g), seen.below(normal)
        return kinks

    def _parts(self) -> Iterator[tuple[int, np.ndarray]]:
        """Inputs of some samples after another, and the number of the first."""
        for start in range(0, len(self._inputs), self._rows):
            yield start, self._inputs[start : start + self._rows]

    @property
    def _rows(self) -> int:
        """How many samples are looked at together."""
        outputs = sum(layer.outputs * layer.pixels for layer in self.net)
        return max(1, CHUNK_BYTES // (64 * outputs))

    def _forward(self, parameters: np.ndarray, inputs: np.ndarray) -> list["_Seen"]:
        features = first_features(self.net, inputs.astype(np.float64))
        trace: list[_Seen] = []
        for layer, each in zip(layers_at(self.net, parameters), self.net, strict=True):
            trace.append(_see(layer, each.pixels, features))
            features = trace[-1].features
        return trace


class _Seen(NamedTuple):
    """What a layer computed of some samples.

    `x` are its columns, `shape` that of its input; `z`, `value` and `first` (the activation and
    its derivative) are [outputs, columns], one column for each of a sample's `pixels`. `kept` are
    the flat indices that pooling keeps, [units, samples, *pixels], or None.
    """

    layer: Layer
    pixels: int
    x: np.ndarray
    shape: tuple[int, ...]
    z: np.ndarray
    value: np.ndarray
    first: np.ndarray
    kept: np.ndarray | None

    @property
    def rank(self) -> np.ndarray:
        """What pooling compares: z itself where the activation rises with it."""
        return self.z if ACTIVATIONS[self.layer.activation].rises else self.value

    @property
    def jump(self) -> float:
        """By how much the activation's derivative jumps at zero."""
        return ACTIVATIONS[self.layer.activation].jump

    @property
    def features(self) -> np.ndarray:
        """What goes on to the next layer."""
        return self.value if self.kept is None else self.value.take(self.kept)

    def spread(self, pooled: np.ndarray) -> np.ndarray:
        """Values of what pooling kept at their outputs, zeros elsewhere."""
        if self.kept is None:
            return pooled
        everywhere = np.zeros_like(self.z)
        everywhere.ravel()[self.kept] = pooled
        return everywhere

    def below(self, d: np.ndarray) -> np.ndarray:
        """The derivative along the layer's input, of that along z."""
        return self.layer.around.fold(self.layer.kernel.T @ d, self.shape)

    def at(self, samples: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Row and column of outputs, flat indices of [units, *pixels], of some samples."""
        return outputs // self.pixels, samples * self.pixels + outputs % self.pixels

    def place(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sample and output of flat indices of `z`."""
        unit, column = np.divmod(flat, self.z.shape[1])
        sample, pixel = np.divmod(column, self.pixels)
        return sample, unit * self.pixels + pixel


def _see(layer: Layer, pixels: int, features: np.ndarray) -> _Seen:
    x = layer.columns(features)
    z = layer.weight @ x
    activation = ACTIVATIONS[layer.activation]
    bent = activation.bent(z)
    kept = layer.around.kept(z if activation.rises else bent.value)
    return _Seen(layer, pixels, x, features.shape, z, bent.value, bent.first, kept)


def _look_at(
    seen: _Seen,
    places: np.ndarray,
    mine: np.ndarray,
    back: tuple[np.ndarray, np.ndarray],
    kinks: Kinks,
) -> None:
    """Fill in the kinks of one layer, the rows `mine`, and start their normals on the way back.

    `back` are the derivatives of the loss along the layer's outputs, and of the kinks along its z.
    """
    g, normal = back
    alone = places[mine, 3] == ALONE
    single, tied = mine[alone], mine[~alone]
    at = seen.at(single, places[single, 2])
    kinks.values[single] = seen.z[at]
    kinks.slopes[single] = seen.jump * g[at]
    kinks.on[single] = seen.z[at] > 0
    normal[at] = 1
    if not len(tied):
        return
    at, other = seen.at(tied, places[tied, 2]), seen.at(tied, places[tied, 3])
    bending = not ACTIVATIONS[seen.layer.activation].rises
    kinks.values[tied] = seen.rank[at] - seen.rank[other]
    kinks.slopes[tied] = (
        g[at] + g[other] if bending else (seen.first * g)[at] + (seen.first * g)[other]
    )
    kinks.on[tied] = seen.spread(np.ones(1))[at] > 0
    normal[at] = seen.first[at] if bending else 1
    normal[other] = -seen.first[other] if bending else -1


def _add_normals(seen: _Seen, normal: np.ndarray, normals: np.ndarray) -> None:
    """Add this layer's part of the gradients of c; `normal` is the derivative along its z."""
    count, stretch = len(normals), seen.layer.stretch
    d = normal.reshape(len(normal), count, seen.pixels).swapaxes(0, 1)
    x = seen.x.reshape(len(seen.x), count, seen.pixels).transpose(1, 2, 0)
    matrices = d @ x
    weights = matrices[:, :, : stretch.inputs].reshape(count, -1)
    normals[:, stretch.start : stretch.middle] = weights
    normals[:, stretch.middle : stretch.stop] = matrices[:, :, stretch.inputs :].reshape(count, -1)


def _places(
    index: int, start: int, seen: _Seen, first: np.ndarray, second: np.ndarray
) -> np.ndarray:
    """Rows of places from flat indices of z; `second` is `ALONE` for single units."""
    sample, output = seen.place(first)
    other = np.where(second == ALONE, ALONE, seen.place(second)[1])
    return np.column_stack([np.full(len(first), index), start + sample, output, other])


def _changes(here: _Seen, there: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the outputs whose side changed, and of those that they tied with."""
    if here.kept is None or there.kept is None:
        flipped = np.flatnonzero((here.z > 0) != (there.z > 0)) if here.jump else _NONE
        return flipped, np.full(len(flipped), ALONE)
    before, after = here.kept.ravel(), there.kept.ravel()
    if not here.jump:
        moved = before != after
        return before[moved], after[moved]
    was, stays = here.z.take(before) > 0, there.z.take(after) > 0
    flipped = was != stays
    moved = (before != after) & ~flipped & (was | (here.jump < 1))
    first = np.concatenate([np.where(was, before, after)[flipped], before[moved]])
    return first, np.concatenate([np.full(flipped.sum(), ALONE), after[moved]])


def _close(seen: _Seen, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the outputs within `width` of a kink, and of those that they tie with."""
    if seen.kept is None:
        single = np.flatnonzero(abs(seen.z) <= width) if seen.jump else _NONE
        return single, np.full(len(single), ALONE)
    kept = seen.kept.ravel()
    single = kept[abs(seen.z.take(kept)) <= width] if seen.jump else _NONE
    first, second = _ties(seen, seen.kept, width)
    return np.concatenate([single, first]), np.concatenate([np.full(len(single), ALONE), second])


def _ties(seen: _Seen, kept: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of what pooling keeps, and of other outputs of its window within `width`.

    Windows that a ReLU holds at zero have no ties.
    """
    units, samples, high, wide = kept.shape
    numbers = np.arange(seen.z.size).reshape(units, samples, *seen.shape[2:])
    blocks = numbers[:, :, : 2 * high, : 2 * wide].reshape(units, samples, high, 2, wide, 2)
    window = np.moveaxis(blocks, 3, 4).reshape(units, samples, high, wide, 4)
    best = np.broadcast_to(kept[..., None], window.shape)
    close = (seen.rank.take(best) - seen.rank.take(window) <= width) & (best != window)
    if seen.jump == 1:
        close &= seen.z.take(best) > 0
    return best[close], window[close]


def _see_different(seen: _Seen, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Which outputs, flat indices of z, stand alone or do not see the same as the others."""
    columns = seen.z.shape[1]
    same = (seen.x[:, first % columns] == seen.x[:, second % columns]).all(0)
    different: np.ndarray = (second == ALONE) | ~same
    return different


_NONE: Final = np.zeros(0, np.int64)
