"""Image folders."""

import re
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.unit.data.entries import dataset_of
from tests.unit.data.formats import crowded_tree, image_tree

from emc.data import open_samples
from emc.data.holdout import held_out_of_class
from emc.data.originals import Shelf
from emc.data.prepare import examine, prepare
from emc.data.readers.tree import image_folder
from emc.errors import EmcError

COUNTS = {"ant": 12, "bee": 1, "cat": 7}


def folder_of(root: Path, **more: Any) -> dict[str, Any]:
    return {"name": "image-folder", "folder": str(root), "size": 6, **more}


def pixels_of(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).transpose(2, 0, 1)


def test_every_image_lands_once_in_its_part(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    manifest = prepare(dataset_of(folder_of(root)), tmp_path / "out", None)
    assert manifest.class_names == ("ant", "bee", "cat")
    assert manifest.class_counts == (10, 1, 6)
    assert manifest.test_samples == 3
    samples = open_samples(tmp_path / "out")
    test = samples.test()
    for label, (name, count) in enumerate(COUNTS.items()):
        held_out = held_out_of_class(count, label)
        wanted = np.stack([pixels_of(path) for path in sorted((root / name).iterdir())])
        np.testing.assert_array_equal(samples.stored[samples.labels == label], wanted[~held_out])
        np.testing.assert_array_equal(test.stored[test.labels == label], wanted[held_out])


def test_test_folder(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    other = image_tree(tmp_path / "test", {"ant": 2, "bee": 3, "cat": 1, "dog": 4})
    dataset = dataset_of(folder_of(root, test_folder=str(other)))
    manifest = prepare(dataset, tmp_path / "out", None)
    assert (manifest.samples, manifest.test_samples) == (20, 6)
    assert manifest.split == "the data set's own"
    assert open_samples(tmp_path / "out").test().labels.tolist() == [0, 0, 1, 1, 1, 2]


@pytest.mark.parametrize("place", ["tree", "tree/ant/deep", ".", "link"])
def test_test_images_lie_apart_from_the_training_images(tmp_path: Path, place: str) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    image_tree(root / "ant/deep", COUNTS)
    (tmp_path / "link").symlink_to(root)
    for name in COUNTS:
        (tmp_path / name).mkdir()
        Image.new("RGB", (4, 4)).save(tmp_path / name / "0.png")
    test = tmp_path / place
    wanted = (
        f"{test}: expected test images apart from the training images in {root}, found them in one"
        " folder: give another `test_folder`, or leave it out: a fifth of each class is then held"
        " out"
    )
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        prepare(dataset_of(folder_of(root, test_folder=str(test))), tmp_path / "out", None)


def test_copies_of_training_images_as_test_images_are_told(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    shutil.copytree(root, tmp_path / "test")
    dataset = dataset_of(folder_of(root, test_folder=str(tmp_path / "test")))
    assert prepare(dataset, tmp_path / "out", None).notes == (
        f"{root}: 20 of 20 test inputs are training inputs too: accuracy on them is no accuracy on"
        " new samples",
    )


def test_a_class_without_a_test_image_is_told_before_images_are_decoded(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    note = (
        f"{root}: 1 of 3 classes have no test sample (a fifth of each is held out: of 1 or 2"
        " samples, none): 'bee'"
    )
    dataset = dataset_of(folder_of(root))
    assert examine(dataset, tmp_path).notes == (note,)
    assert prepare(dataset, tmp_path / "out", None).notes == (note,)


def test_first_classes_by_name_and_grey(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", COUNTS)
    dataset = dataset_of(folder_of(root, classes=2, channels=1))
    manifest = prepare(dataset, tmp_path / "out", None)
    assert manifest.class_names == ("ant", "bee")
    assert manifest.shape == (1, 6, 6)


def test_imagenet_layout(tmp_path: Path) -> None:
    image_tree(tmp_path / "imagenet/train", {"n01": 5, "n02": 6, "n03": 5})
    image_tree(tmp_path / "imagenet/val", {"n01": 2, "n02": 2, "n03": 2})
    dataset = dataset_of({"name": "imagenet", "size": 4, "classes": 2})
    manifest = prepare(dataset, tmp_path / "out", tmp_path)
    assert (manifest.samples, manifest.test_samples, manifest.shape) == (11, 4, (3, 4, 4))
    with pytest.raises(
        EmcError, match=r"imagenet: classes of its files: expected 1000, .*, found 3"
    ):
        prepare(dataset_of("imagenet"), tmp_path / "all", tmp_path)


def test_images_below_class_folders_are_found(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 4, "bee": 4})
    image_tree(root / "ant", {"deeper": 3})
    (root / "ant" / "notes.txt").write_text("no image")
    (root / "ant" / ".hidden.png").write_text("no image")
    manifest = prepare(dataset_of(folder_of(root)), tmp_path / "out", None)
    assert manifest.samples + manifest.test_samples == 11


@pytest.mark.parametrize("content", [b"", b"<html>", "half"])
def test_damaged_image_is_named(tmp_path: Path, content: bytes | str) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 6, "bee": 6}, side=40)
    damaged = root / "bee" / "00003.png"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2] if content == "half" else content)  # type: ignore[arg-type]
    with pytest.raises(
        EmcError,
        match=r"bee/00003\.png: (no readable|no image|expected an im)",
    ):
        prepare(dataset_of(folder_of(root)), tmp_path / "out", None)
    assert not list((tmp_path / "out").glob("*"))


def test_image_without_a_class(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 2, "bee": 2})
    Image.new("RGB", (4, 4)).save(root / "loose.JPG", "JPEG")
    with pytest.raises(EmcError, match=r"loose\.JPG: an image without a class"):
        prepare(dataset_of(folder_of(root)), tmp_path / "out", None)


def test_class_without_images(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 2, "bee": 0})
    with pytest.raises(EmcError, match=r"bee: no images of this class"):
        prepare(dataset_of(folder_of(root)), tmp_path / "out", None)


def test_one_class(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 5})
    with pytest.raises(EmcError, match=r"tree: expected two classes or more, found \['ant'\]"):
        prepare(dataset_of(folder_of(root)), tmp_path / "out", None)


def test_fewer_classes_than_wanted(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 5, "bee": 1})
    with pytest.raises(EmcError, match="tree: expected 3 classes, found 2 folders"):
        prepare(dataset_of(folder_of(root, classes=3)), tmp_path / "out", None)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match="nowhere: no such file or folder"):
        prepare(dataset_of(folder_of(Path("nowhere"))), tmp_path / "out", tmp_path)


def test_images_that_come_meanwhile(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"ant": 5, "bee": 1})
    found = image_folder(dataset_of(folder_of(root)), Shelf((tmp_path,)))
    arrays = {name: np.zeros(spec.shape, spec.dtype) for name, spec in found.tensors.specs.items()}
    Image.new("RGB", (4, 4)).save(root / "bee" / "new.png")
    with pytest.raises(EmcError, match="bee: its images changed while they were read"):
        found.tensors.fill(arrays)


def test_memory_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    root = crowded_tree(tmp_path / "tree", classes=10, each=800)
    dataset = dataset_of(folder_of(root, size=48))
    tracemalloc.start()
    try:
        manifest = prepare(dataset, tmp_path / "out", None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert manifest.samples == 6400
    assert manifest.tensor_bytes > 55e6
    assert peak < manifest.tensor_bytes / 2
    assert manifest.original_equal_inputs.distinct == 16


@pytest.mark.parametrize("left", [(), (".cache/a.png",), ("notes.txt",)], ids=str)
def test_a_folder_without_classes_is_named(tmp_path: Path, left: tuple[str, ...]) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    for name in left:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"left")
    wanted = f"{root}: expected one folder of images per class, found no folder in it"
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        examine(dataset_of(folder_of(root)), tmp_path)
