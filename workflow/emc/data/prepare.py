"""Prepare a data set: one tensor file and its manifest."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Final

import numpy as np

from emc.data.class_names import cut
from emc.data.content import Arrays, Content, Scaling
from emc.data.equality import EqualInputs, blocks, digests, equal_inputs
from emc.data.manifest import TENSORS, Manifest, OriginalTree, write_manifest
from emc.data.originals import Shelf
from emc.data.plugin_dataset import content_of
from emc.data.reader import USER_DATA, About
from emc.data.readers import reader
from emc.data.samples import checksum
from emc.errors import EmcError
from emc.store.tensors import stream_tensors
from emc.study.datasets import Columns, DataSet, Facts, PluginDataSet

_SHOWN: Final = 8
"""Classes that a note names at most."""

_SPLITS: Final = {
    True: "a fifth of each class, held out at random by a fixed seed",
    False: "the data set's own",
}


@dataclass(frozen=True, slots=True)
class _Census:
    """What can only be said once the tensors are filled."""

    notes: tuple[str, ...]
    class_counts: tuple[int, ...]
    equal_inputs: EqualInputs
    original_equal_inputs: EqualInputs
    scaling: Scaling


def prepare(dataset: DataSet, folder: Path, data_dir: Path | None) -> Manifest:
    """Write `tensors.safetensors` and `manifest.json` of a data set into `folder`.

    Originals are looked for in `data_dir`, then in `folder/original`, where they are downloaded
    to if they are missing. The tensors are train_inputs, uint8 [n, C, H, W] pixels or float32
    [n, d], train_labels int64 [n], test_inputs and test_labels.

    Raises:
        FileError: originals are missing, or a file cannot be read or written.
        EmcError: originals are damaged or not the published ones, an input is no finite number,
            a class has no training sample, or there are fewer than two classes.
    """
    places = (*([data_dir.expanduser()] if data_dir else []), folder / "original")
    content = _read(dataset, Shelf(places))
    _check(dataset, content)
    path = folder / TENSORS
    with stream_tensors(path, content.tensors.specs, {"dataset": dataset.name}) as arrays:
        trees = content.tensors.fill(arrays)
        census = _census(called(dataset), content, arrays)
    manifest = _manifest(dataset, content, census, trees, path)
    write_manifest(folder, manifest)
    return manifest


@dataclass(frozen=True, slots=True)
class Examined:
    """What is known of a data set: what its user is told, its facts and its test samples."""

    notes: tuple[str, ...]
    facts: Facts
    test_samples: int


def examine(dataset: DataSet, data_dir: Path) -> Examined:
    """What preparation would find in a data set, without writing anything.

    Tables are read whole, plug-ins called; images are listed but not decoded.

    Raises:
        FileError: originals are missing or cannot be read.
        EmcError: as for `prepare`, but for images that are damaged.
    """
    content = _read(dataset, Shelf((data_dir,)))
    _check(dataset, content)
    notes = content.notes
    if isinstance(dataset, Columns):
        specs = content.tensors.specs
        arrays = {name: np.empty(spec.shape, spec.dtype) for name, spec in specs.items()}
        content.tensors.fill(arrays)
        notes = _census(called(dataset), content, arrays).notes
    elif content.test_counts is not None:
        notes = (*notes, *_untested(called(dataset), content, content.test_counts))
    test_samples = content.tensors.specs["test_labels"].shape[0]
    return Examined(notes, _facts(content), test_samples)


def _facts(content: Content) -> Facts:
    samples, *shape = content.tensors.specs["train_inputs"].shape
    return Facts(tuple(shape), len(content.class_names), samples)


def called(dataset: DataSet) -> str:
    """What messages call a data set: the user's file or folder, or else its name."""
    return str(getattr(dataset, "file", None) or getattr(dataset, "folder", None) or dataset.name)


def _read(dataset: DataSet, shelf: Shelf) -> Content:
    if isinstance(dataset, PluginDataSet):
        return content_of(dataset)
    return reader(dataset.name).read(dataset, shelf)


def _about(dataset: DataSet) -> About:
    if isinstance(dataset, PluginDataSet):
        return About("a plug-in", USER_DATA)
    return reader(dataset.name).about


def _census(name: str, content: Content, arrays: Arrays) -> _Census:
    counts = _class_counts(name, content.class_names, arrays)
    labels, inputs = arrays["train_labels"], arrays["train_inputs"]
    keys, tested_keys = digests(inputs), digests(arrays["test_inputs"])
    equal = equal_inputs(keys, labels)
    original = content.original_equal_inputs or equal
    if content.held_out and content.original_equal_inputs is None:
        every = np.concatenate([keys, tested_keys])
        original = equal_inputs(every, np.concatenate([labels, arrays["test_labels"]]))
    scaling = content.scaling or _channel_scaling(inputs)
    tested = np.bincount(arrays["test_labels"], minlength=len(content.class_names))
    untested = _untested(name, content, tested.tolist())
    seen = _seen(name, keys, tested_keys)
    notes = (*content.notes, *untested, *_conflicts(name, original), *seen)
    return _Census(notes, counts, equal, original, scaling)


def _untested(name: str, content: Content, counts: Sequence[int]) -> list[str]:
    """A note of classes without a test sample, of which there are `counts`."""
    names = content.class_names
    absent = [each for each, count in zip(names, counts, strict=True) if not count]
    if not absent:
        return []
    rule = " (a fifth of each is held out: of 1 or 2 samples, none)" if content.held_out else ""
    shown = ", ".join(map(cut, absent[:_SHOWN])) + (" ..." if len(absent) > _SHOWN else "")
    return [f"{name}: {len(absent)} of {len(names)} classes have no test sample{rule}: {shown}"]


def _conflicts(name: str, original: EqualInputs) -> list[str]:
    """A note of inputs that carry several labels."""
    if not original.conflicts:
        return []
    count = f"{original.conflicts} of {original.distinct} different inputs"
    return [f"{name}: {count} come with more than one label: no net fits all of their samples"]


def _seen(name: str, training: np.ndarray, test: np.ndarray) -> list[str]:
    """A note of test inputs most of which are training inputs, by the digests of both."""
    seen = int(np.isin(test[:, 0], training[:, 0]).sum())
    if 2 * seen <= len(test):
        return []
    return [
        f"{name}: {seen} of {len(test)} test inputs are training inputs too: accuracy on them is no"
        " accuracy on new samples"
    ]


def _check(dataset: DataSet, content: Content) -> None:
    """There is something to classify, and what a study relies on is what was found."""
    names, facts = content.class_names, dataset.facts
    if len(names) < 2:
        raise EmcError(f"{called(dataset)}: expected two classes or more, found {list(names)}")
    if facts is None:
        return
    found = _facts(content)
    if facts.samples is None:
        found = found._replace(samples=None)
    for what, here, known in zip(Facts._fields, found, facts, strict=True):
        if here != known:
            raise EmcError(
                f"{dataset.name}: {what} of its files: expected {known}, as the data set has, found"
                f" {here}"
            )


def _class_counts(name: str, classes: tuple[str, ...], arrays: Arrays) -> tuple[int, ...]:
    """Training samples of each class: there is at least one."""
    for part in ("train_labels", "test_labels"):
        low, high = arrays[part].min(initial=0), arrays[part].max(initial=0)
        if low < 0 or high >= len(classes):
            raise EmcError(
                f"{name}: expected labels from 0 to {len(classes) - 1}, found {low} to {high}"
            )
    counts = np.bincount(arrays["train_labels"], minlength=len(classes))
    if absent := [classes[label] for label in np.flatnonzero(counts == 0)]:
        raise EmcError(
            f"{name}: no training sample has class {absent[0]!r}: expected samples of all"
            f" {len(classes)} classes, found {counts.sum()} of {len(classes) - len(absent)}"
        )
    return tuple(int(count) for count in counts)


def _channel_scaling(pixels: np.ndarray) -> Scaling:
    """Mean and standard deviation of each channel of uint8 [n, C, H, W], from exact sums."""
    channels = pixels.shape[1]
    counts = np.zeros((channels, 256), dtype=np.int64)
    for block in blocks(pixels):
        for channel in range(channels):
            counts[channel] += np.bincount(pixels[block, channel].ravel(), minlength=256)
    moments = [_moments(of_channel.tolist()) for of_channel in counts]
    shift, scale = np.array(moments).T
    return Scaling((), shift, scale)


def _moments(counts: list[int]) -> tuple[float, float]:
    """Mean and standard deviation of values 0, 1, ...; 1 for a constant, which is only shifted."""
    total = sum(counts)
    first = sum(value * count for value, count in enumerate(counts))
    second = sum(value**2 * count for value, count in enumerate(counts))
    return first / total, sqrt(total * second - first**2) / total or 1.0


def _manifest(
    dataset: DataSet,
    content: Content,
    census: _Census,
    trees: tuple[OriginalTree, ...],
    path: Path,
) -> Manifest:
    inputs = content.tensors.specs["train_inputs"]
    about = _about(dataset)
    return Manifest(
        name=dataset.name,
        dataset=dataset.model_dump(mode="json"),
        origin=about.origin,
        licence=about.licence,
        files=content.files,
        trees=trees,
        notes=census.notes,
        split=_SPLITS[content.held_out],
        preprocessing=content.preprocessing,
        shape=inputs.shape[1:],
        dtype=inputs.dtype,
        columns=census.scaling.columns,
        shift=tuple(census.scaling.shift.tolist()),
        scale=tuple(census.scaling.scale.tolist()),
        samples=inputs.shape[0],
        test_samples=content.tensors.specs["test_inputs"].shape[0],
        classes=len(content.class_names),
        class_names=content.class_names,
        class_counts=census.class_counts,
        equal_inputs=census.equal_inputs,
        original_equal_inputs=census.original_equal_inputs,
        tensor_bytes=path.stat().st_size,
        sha256=checksum(path),
    )
