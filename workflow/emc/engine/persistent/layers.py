"""How nets of dense and convolutional layers lie in a block: mirrors `kernel/block_stack.hpp`."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

from emc.engine.persistent.launch import THREADS
from emc.engine.persistent.sizes import arrays_of, dense_size, odd, word
from emc.native.activation import structure_name
from emc.nets.layers import TAPS, Conv, Dense, Layers, count

_STEP: Final = 8
"""Dense layers look at whole numbers of so many rows; a tile has four."""
_FEWEST_IMAGES: Final = 2
_MOST_PARTS: Final = 32


@dataclass(frozen=True, slots=True)
class LayersLayout:
    """As `Layout` says."""

    layers: Layers

    @property
    def parameters(self) -> int:
        """As `Layout` says."""
        return count(self.layers)

    @property
    def classes(self) -> int:
        """As `Layout` says."""
        return self.layers[-1].outputs

    @property
    def array_size(self) -> int:
        """As `Layout` says: each layer's weights and biases."""
        return sum(dense_size(layer.fan_in, layer.outputs) for layer in self.layers)

    @property
    def kept(self) -> int:
        """As `Layout` says: inputs, label, and of each layer what `_of_layer` says."""
        first = self.layers[0]
        return odd(first.inputs * first.pixels) + 1 + sum(map(_of_layer, self.layers))

    @property
    def fewest_rows(self) -> int:
        """As `Layout` says."""
        return _FEWEST_IMAGES if of_images(self.layers) else _STEP

    @property
    def row_step(self) -> int:
        """As `Layout` says."""
        return 1 if of_images(self.layers) else _STEP

    @property
    def rows_outside(self) -> int:
        """As `Layout` says."""
        return _STEP

    def chunk(self, rows: int) -> int:
        """As `Layout` says, with the longest list of parts of sums."""
        if not of_images(self.layers):
            return rows * self.kept
        return rows * self.kept + max(_scratch(layer, rows) for layer in self.layers)

    def code(self, rows: int) -> str:
        """As `Layout` says."""
        return f"BlockStack<{rows}, {', '.join(_layers(self.layers, rows))}>"


def of_images(layers: Layers) -> bool:
    """Whether a block looks at so few samples at a time that sums are cut into parts."""
    return isinstance(layers[0], Conv)


def parts(layer: Dense | Conv, rows: int) -> int:
    """In how many parts a net of images sums up taps of two channels, or an output of a row."""
    of_rows = layer.inputs if isinstance(layer, Conv) else rows
    return min(_MOST_PARTS, max(1, THREADS // (of_rows * layer.outputs)))


def _scratch(layer: Dense | Conv, rows: int) -> int:
    """Numbers of a layer's parts; of taps, with a bias, none where threads have whole sums."""
    made = parts(layer, rows)
    if isinstance(layer, Dense):
        return rows * layer.outputs * made
    return layer.inputs * layer.outputs * made * (TAPS + 1) if made > 1 else 0


def _of_layer(layer: Dense | Conv) -> int:
    """Outputs; it may be slopes; of a maximum a byte says where it was."""
    pitch = odd(prod(layer.output_shape))
    places = -(-pitch // 4) if isinstance(layer, Conv) else 0
    return pitch * arrays_of(layer.activation) + places


def _layers(layers: Layers, rows: int) -> Iterator[str]:
    for layer in layers:
        name, bias = structure_name(layer.activation), word(layer.bias)
        sizes = f"{layer.inputs}, {layer.outputs}"
        if isinstance(layer, Conv):
            yield f"BlockConv<{sizes}, {layer.height}, {layer.width}, {name}, {bias}>"
        elif of_images(layers):
            yield f"SplitDense<{rows}, {sizes}, {name}, {bias}>"
        else:
            yield f"BlockDense<{sizes}, {name}, {bias}>"
