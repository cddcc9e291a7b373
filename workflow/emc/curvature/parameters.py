"""Parameters by name, and the one vector that they make."""

from collections.abc import Mapping
from math import prod

import numpy as np

from emc.errors import EmcError

NamedShapes = Mapping[str, tuple[int, ...]]


class EndPointError(EmcError):
    """An end point of another net, or one that is not finite."""


def check_parameters(shapes: NamedShapes, parameters: Mapping[str, np.ndarray]) -> None:
    """See that values belong to a net whose names and shapes are known.

    Raises:
        EndPointError: names or shapes are not those of the net, or a number is not finite.
    """
    found = {name: tuple(np.shape(value)) for name, value in parameters.items()}
    if found != dict(shapes):
        raise EndPointError(f"the end point is not one of the net: {_difference(shapes, found)}")
    for name, value in parameters.items():
        if bad := int(np.count_nonzero(~np.isfinite(value))):
            raise EndPointError(
                f"the end point is not finite: {bad} of {np.size(value)} in {name!r}"
            )


def check_labels(labels: np.ndarray, classes: int) -> None:
    """See that there are labels, and that they are classes of the net.

    Raises:
        EmcError: there are none, or one is not in 0 ... classes - 1.
    """
    if len(labels) == 0:
        raise EmcError("data: expected at least one sample, found none")
    if labels.min() < 0 or labels.max() >= classes:
        raise EmcError(
            f"labels: expected 0 to {classes - 1}, the classes of the net, found {labels.min()} to"
            f" {labels.max()}"
        )


def flatten(shapes: NamedShapes, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """One float64 vector [P] of the parameters named in `shapes`, in that order."""
    return np.concatenate([np.ravel(parameters[name]).astype(np.float64) for name in shapes])


def unflatten(shapes: NamedShapes, vector: np.ndarray) -> dict[str, np.ndarray]:
    """The parameters by name that `flatten` made a vector [P] of, float64."""
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {
        name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)
    }


def _difference(expected: NamedShapes, found: NamedShapes) -> str:
    for name, shape in expected.items():
        if name not in found:
            return f"expected {name!r} {shape}, found {', '.join(found) or 'nothing'}"
        if found[name] != shape:
            return f"{name!r}: expected the shape {shape}, found {found[name]}"
    extra = [name for name in found if name not in expected]
    return f"expected {', '.join(expected)}, found {extra[0]!r} besides"
