"""Data sets that a plug-in registers."""

from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any, Final

import numpy as np

from emc.data.content import Content, Part, Scaling, in_memory
from emc.data.conversion import as_inputs, as_labels, refuse_masked
from emc.data.manifest import original_file
from emc.errors import EmcError
from emc.study.datasets import DATA_SETS, Facts, PluginDataSet
from emc.study.plugins import Function, Registered, blaming, register

_WANTED: Final = "(inputs, labels) or (inputs, labels, test inputs, test labels)"


def dataset(
    name: str, *, shape: tuple[int, ...] | None = None, classes: int | None = None
) -> Callable[[Function], Function]:
    """Register a function as the data set `name` of the studies that name its file.

    The function is called as `function(**keys)` and gives inputs [n, *shape] and labels [n], 0 to
    classes - 1, as arrays or tensors, and may give as many of a test part after them; else a
    fifth of each class is held out. Inputs of dtype uint8 are pixels [n, channels, height, width],
    which are standardised by channel; all others are used as they are, in float32. The same keys
    must always give the same numbers. Its parameters, each with a type or a default that is an
    int, a float, a bool or a str, are the keys of the `dataset` entry of a study.

    With `shape` and `classes` the function need not be called to learn them, before the data set is
    prepared.

    Raises:
        EmcError: a name that is none or is taken, or only one of `shape` and `classes`, or what is
            no shape and no number of classes.
    """
    if name in DATA_SETS:
        raise EmcError(f"dataset {name!r} comes with the program: choose another name")
    if (shape is None) != (classes is None):
        raise EmcError(
            f"dataset {name!r}: expected both 'shape' and 'classes', or neither, found one"
        )
    facts = None if shape is None or classes is None else _facts(name, shape, classes)
    return register("dataset", name, (), facts)


def _facts(name: str, shape: Any, classes: Any) -> Facts:
    if not isinstance(shape, tuple | list) or not shape or not all(map(_is_count, shape)):
        raise EmcError(
            f"dataset {name!r}: shape: expected whole numbers from 1, such as (3, 8, 8), found"
            f" {shape!r}"
        )
    if not _is_count(classes) or classes < 2:
        raise EmcError(f"dataset {name!r}: classes: expected 2 or more, found {classes!r}")
    return Facts(tuple(map(int, shape)), int(classes), None)


def _is_count(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= 1


def content_of(dataset: PluginDataSet) -> Content:
    """What the plug-in's function gives.

    Raises:
        EmcError: the plug-in fails, or gives no such arrays.
    """
    registered = dataset.registered
    what = f"{registered.place}: dataset {registered.name!r}"
    with blaming(registered.plugin.file, registered.line):
        made = tuple(registered.function(**dataset.keys))
        given = tuple(map(np.asarray, made))
    for array in made:
        refuse_masked(what, array)
    parts, plugin = _parts(what, given), Path(registered.plugin.file)
    train, test = parts if len(parts) == 2 else parts[0].split()
    shape, pixels = train.inputs.shape[1:], train.inputs.dtype == np.uint8
    return Content(
        tensors=in_memory(train, test),
        class_names=tuple(str(number) for number in range(_classes(registered, train, test))),
        held_out=len(parts) == 1,
        preprocessing="pixels unchanged, standardised by channel when they are read"
        if pixels
        else "none",
        files=(original_file(plugin.name, plugin.read_bytes()),),
        scaling=None if pixels else Scaling((), np.zeros(shape[0]), np.ones(shape[0])),
    )


def _parts(what: str, given: tuple[np.ndarray, ...]) -> list[Part]:
    if len(given) not in {2, 4}:
        raise EmcError(f"{what}: expected {_WANTED}, found {len(given)} arrays")
    pairs = [given[:2], given[2:]] if len(given) == 4 else [given]
    shape = given[0].shape[1:]
    for inputs, labels in pairs:
        if (
            inputs.shape != (labels.size, *shape)
            or labels.shape not in {(labels.size,), (labels.size, 1)}
            or not labels.size * len(shape)
        ):
            found = ", ".join(str(array.shape) for array in given)
            raise EmcError(
                f"{what}: expected inputs [n, *shape] and labels [n], found shapes {found}"
            )
    parts = [Part(_inputs(what, inputs), as_labels(what, labels)) for inputs, labels in pairs]
    for part in parts:
        if part.labels.min() < 0:
            raise EmcError(f"{what}: expected labels from 0, found {part.labels.min()}")
    return parts


def _inputs(what: str, inputs: np.ndarray) -> np.ndarray:
    if inputs.dtype == np.uint8 and inputs.ndim != 4:
        raise EmcError(
            f"{what}: expected inputs of dtype uint8 to be pixels [n, channels, height, width],"
            f" found the shape {inputs.shape}"
        )
    return as_inputs(what, inputs)


def _classes(registered: Registered, train: Part, test: Part) -> int:
    facts: Any = registered.details
    if facts is not None:
        return int(facts.classes)
    return 1 + int(max(train.labels.max(initial=0), test.labels.max(initial=0)))
