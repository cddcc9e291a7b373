"""What quasi-Newton steps take the inverse Hessian for at first: mirrors
`kernel/preconditioner.hpp`."""

import ctypes
from collections.abc import Sequence
from ctypes import Structure, c_double, c_int64, c_void_p
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class LayerInverse:
    """A layer's part: F (I - D' D) of each unit's weights and bias, float64.

    The weights begin at `start` of the flat parameters, unit by unit; the biases of all units
    follow them if there is a `bias`. F is the `factor`, D the `directions` [rank, inputs + bias].
    """

    start: int
    outputs: int
    inputs: int
    bias: bool
    factor: float
    directions: np.ndarray = field(repr=False)


class _LayerInverse(Structure):
    _fields_ = (
        *((name, c_int64) for name in ("start", "outputs", "inputs", "bias", "rank")),
        ("factor", c_double),
        ("directions", c_void_p),
    )


def layer_inverses(layers: Sequence[LayerInverse]) -> "ctypes.Array[_LayerInverse]":
    """The layers as a kernel takes them, while they and the answer live."""
    return (_LayerInverse * len(layers))(
        *(
            _LayerInverse(
                *(layer.start, layer.outputs, layer.inputs, layer.bias),
                *(len(layer.directions), layer.factor, layer.directions.ctypes.data),
            )
            for layer in layers
        )
    )
