"""What a prepared data set is: the document beside its tensor file."""

import json
from dataclasses import asdict, dataclass
from hashlib import md5
from pathlib import Path
from typing import Any, Final

from pydantic import ConfigDict, TypeAdapter, ValidationError

from emc.data.equality import EqualInputs
from emc.errors import EmcError
from emc.store.documents import read_document, write_document
from emc.store.failures import failed_data
from emc.store.layout import REMADE_BY
from emc.store.rebuilt import unusable
from emc.study.datasets import Facts

TENSORS: Final = "tensors.safetensors"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class OriginalFile:
    """A file that the data set was made from; `md5` is that of its uncompressed content."""

    name: str
    bytes: int
    md5: str


@dataclass(frozen=True, slots=True)
class OriginalTree:
    """A folder of images that the data set was made from.

    `images` are those of its classes, of `bytes` in all. `listing` is the sha256 of their paths,
    sizes and dates, `content` of their paths and contents. `skipped` counts other files of the
    class folders by the ending of their names.
    """

    folder: str
    images: int
    bytes: int
    listing: str
    content: str
    skipped: dict[str, int]


def original_file(name: str, content: bytes) -> OriginalFile:
    """The file of this name and uncompressed content."""
    return OriginalFile(name, len(content), md5(content, usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Provenance and properties of a prepared data set; the keys are stable.

    Attributes:
        name: the data set's name in a study.
        dataset: everything the study said of it, as it is in a cell's definition.
        origin: where the original comes from.
        licence: under which terms.
        files: the original files; empty for image trees and generated data.
        trees: the folders of images that it was made from.
        notes: what is surprising in the originals and was accepted, for the user.
        split: where the test part comes from.
        preprocessing: what was done to the original inputs.
        shape: shape of one input: (channels, height, width), or (columns,).
        dtype: how inputs are stored: uint8 pixels, standardised when they are read, or float32,
            stored as they are used.
        columns: name of each input column of a table; empty otherwise.
        shift: subtracted from each channel or column, from the training part.
        scale: what each channel or column was or is then divided by.
        samples: training samples.
        test_samples: test samples.
        classes: number of classes; labels are 0 to classes - 1.
        class_names: the name of each class; its number where it has no name.
        class_counts: training samples of each class.
        equal_inputs: equal inputs of the training part, as stored.
        original_equal_inputs: equal inputs of the original rows: of the official training part,
            or of all rows where the test part is held out from them.
        tensor_bytes: size of the tensor file.
        sha256: of the tensor file.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    name: str
    dataset: dict[str, Any]
    origin: str
    licence: str
    files: tuple[OriginalFile, ...]
    trees: tuple[OriginalTree, ...]
    notes: tuple[str, ...]
    split: str
    preprocessing: str
    shape: tuple[int, ...]
    dtype: str
    columns: tuple[str, ...]
    shift: tuple[float, ...]
    scale: tuple[float, ...]
    samples: int
    test_samples: int
    classes: int
    class_names: tuple[str, ...]
    class_counts: tuple[int, ...]
    equal_inputs: EqualInputs
    original_equal_inputs: EqualInputs
    tensor_bytes: int
    sha256: str

    @property
    def facts(self) -> Facts:
        """What a study may know of the data set."""
        return Facts(self.shape, self.classes, self.samples)


_ADAPTER: Final = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `manifest.json` into the folder of a prepared data set."""
    write_document(folder / MANIFEST, asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the data set prepared in `folder`.

    Raises:
        FileError: it is missing, damaged or of another version.
        EmcError: the data set could not be prepared.
    """
    if failed := failed_data(folder):
        raise EmcError(f"data set {folder.name} could not be prepared: {failed.reason}")
    path = folder / MANIFEST
    document = read_document(path, REMADE_BY)
    try:
        return _ADAPTER.validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        key = ".".join(str(step) for step in fault["loc"])
        raise unusable(path, f"key {key!r}: {fault['msg']}", REMADE_BY) from None
