"""What a layer does besides multiplying by its weights, features first.

A layer unfolds its input into columns (one per sample, or one per pixel with its 3x3 surroundings),
multiplies them by the weights, and lets pooling keep some of the outputs. Unfolding and keeping
are linear, so their derivatives are themselves; `fold` and `spread` are their transposes.
"""

from typing import Protocol

import numpy as np

from emc.nets.layers import TAPS, Conv, Dense, Layers


class LayerMap(Protocol):
    """The linear maps around one layer's weights; arrays are [features, samples, *pixels]."""

    def unfold(self, features: np.ndarray) -> np.ndarray:
        """Columns that the weights multiply, [inputs of one unit, columns]."""

    def fold(self, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Transpose of `unfold`, to features of `shape`."""

    def kept(self, values: np.ndarray) -> np.ndarray | None:
        """Flat indices of the outputs that pooling keeps, [units, samples, *pixels]; None: all."""


class DenseMap:
    """Around a dense layer."""

    def unfold(self, features: np.ndarray) -> np.ndarray:
        """One column per sample, flattened in torch's order."""
        if features.ndim == 2:
            return features
        return np.moveaxis(features, 1, -1).reshape(-1, features.shape[1])

    def fold(self, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Transpose of `unfold`."""
        if len(shape) == 2:
            return columns
        channels, samples, *pixels = shape
        return np.moveaxis(columns.reshape(channels, *pixels, samples), -1, 1)

    def kept(self, values: np.ndarray) -> None:
        """Nothing is pooled."""


class ConvMap:
    """Around a 3x3 convolution with one pixel of padding and 2x2 max-pooling."""

    def __init__(self, layer: Conv) -> None:
        """Around this layer."""
        self._layer = layer

    def unfold(self, features: np.ndarray) -> np.ndarray:
        """One column per pixel: its 3x3 surroundings in every channel, in torch's order."""
        channels, samples = features.shape[:2]
        padded = np.pad(features, ((0, 0), (0, 0), (1, 1), (1, 1)))
        shape = (channels, TAPS, samples, self._layer.height, self._layer.width)
        columns = np.empty(shape, features.dtype)
        for tap, window in enumerate(self._windows()):
            columns[:, tap] = padded[:, :, *window]
        return columns.reshape(channels * TAPS, -1)

    def fold(self, columns: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Transpose of `unfold`."""
        channels, samples, height, width = shape
        padded = np.zeros((channels, samples, height + 2, width + 2), columns.dtype)
        taps = columns.reshape(channels, TAPS, samples, height, width)
        for tap, window in enumerate(self._windows()):
            padded[:, :, *window] += taps[:, tap]
        return padded[:, :, 1:-1, 1:-1]

    def kept(self, values: np.ndarray) -> np.ndarray:
        """The largest of each 2x2 block, the first of several; an odd last row or column drops."""
        height, width = self._layer.height, self._layer.width
        units, high, wide = self._layer.output_shape
        images = values.reshape(units, -1, height, width)
        samples = images.shape[1]
        blocks = images[:, :, : 2 * high, : 2 * wide].reshape(units, samples, high, 2, wide, 2)
        corner = np.moveaxis(blocks, 3, 4).reshape(units, samples, high, wide, 4).argmax(axis=-1)
        first = np.arange(units * samples).reshape(units, samples, 1, 1) * height
        rows = first + 2 * np.arange(high)[:, None] + corner // 2
        kept: np.ndarray = rows * width + 2 * np.arange(wide) + corner % 2
        return kept

    def _windows(self) -> list[tuple[slice, slice]]:
        return [
            (slice(down, down + self._layer.height), slice(right, right + self._layer.width))
            for down in range(3)
            for right in range(3)
        ]


def layer_map(layer: Dense | Conv) -> LayerMap:
    """The maps around one layer."""
    return ConvMap(layer) if isinstance(layer, Conv) else DenseMap()


def first_features(layers: Layers, inputs: np.ndarray) -> np.ndarray:
    """Inputs [samples, *shape] with features first, as the first layer unfolds them."""
    if isinstance(layers[0], Conv):
        return np.moveaxis(inputs, 1, 0)
    return np.ascontiguousarray(inputs.reshape(len(inputs), -1).T)
