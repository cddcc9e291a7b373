"""Which files of a folder are images of a class, and whether they changed."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.unit.data.entries import dataset_of
from tests.unit.data.formats import image_tree

from emc.data.folders import fingerprint, open_tree, part_folders
from emc.data.prepare import Examined, examine, prepare
from emc.errors import EmcError, FileError
from emc.study.datasets import Facts

COUNTS = {"ant": 6, "bee": 7}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return image_tree(tmp_path / "tree", COUNTS)


def image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, "PNG")


@pytest.mark.parametrize(
    "place",
    [
        ".ipynb_checkpoints/0-checkpoint.png",
        "ant/.ipynb_checkpoints/0-checkpoint.png",
        "ant/@eaDir/0.png/SYNOPHOTO_THUMB_M.png",
        "__MACOSX/tree/0.png",
        "bee/__MACOSX/._0.png",
        "ant/._00000.png",
        "ant/Thumbs.db",
        "ant/desktop.ini",
        "ant/.DS_Store",
        ".git/x.png",
        "$RECYCLE.BIN/x.png",
        "bee/#recycle/x.png",
        "bee/lost+found/x.png",
        "._loose.png",
    ],
)
def test_what_systems_leave_behind_is_no_image_and_no_class(root: Path, place: str) -> None:
    before = open_tree(root, None)
    image(root / place)
    after = open_tree(root, None)
    assert (after.classes, after.counts) == (("ant", "bee"), (6, 7))
    assert after == before
    assert not after.notes()


def test_other_files_are_counted_in_the_manifest_and_told(root: Path, tmp_path: Path) -> None:
    for name in ("a.gif", "b.GIF", "c.jfif", "d.heic", "README", "deeper/notes.txt"):
        (root / "ant" / name).parent.mkdir(exist_ok=True)
        (root / "ant" / name).write_bytes(b"x")
    (root / "bee" / "linked").symlink_to(root / "ant")
    manifest = prepare(
        dataset_of({"name": "image-folder", "folder": str(root), "size": 4}), tmp_path / "out", None
    )
    (tree,) = manifest.trees
    assert tree.skipped == {
        ".gif": 2,
        ".heic": 1,
        ".jfif": 1,
        ".txt": 1,
        "linked folder": 1,
        "without ending": 1,
    }
    assert tree.images == 13
    told = (
        f"{root}: files skipped that are no images by their endings: 2 .gif, 1 .heic, 1 .jfif,"
        " 1 .txt, 1 linked folder, 1 without ending"
    )
    assert manifest.notes == (told,)
    assert examine(dataset_of(manifest.dataset), tmp_path) == Examined(
        (told,), Facts((3, 4, 4), 2, 11), 2
    )


def test_a_class_of_unknown_files_says_what_they_are(root: Path) -> None:
    (root / "cat").mkdir()
    (root / "cat/x.heic").write_bytes(b"x")
    with pytest.raises(EmcError, match=r"cat: no images of this class, found 1 \.heic \(known end"):
        open_tree(root, None)


@pytest.mark.parametrize(
    ("names", "held_out"),
    [(("train", "test"), False), (("Training", "Validation"), False), (("train",), True)],
)
def test_folders_for_training_and_testing_are_its_parts(
    tmp_path: Path, names: tuple[str, ...], held_out: bool
) -> None:
    root = tmp_path / "mine"
    for number, name in enumerate(names, start=1):
        image_tree(root / name, {"ant": 5 * number, "bee": 5})
    manifest = prepare(
        dataset_of({"name": "image-folder", "folder": str(root), "size": 4}), tmp_path / "out", None
    )
    assert manifest.class_names == ("ant", "bee")
    assert (manifest.samples, manifest.test_samples) == ((8, 2) if held_out else (10, 15))
    assert [tree.folder for tree in manifest.trees] == [str(root / name) for name in names]


@pytest.mark.parametrize(
    ("names", "advice"),
    [
        (("train", "val", "test"), "`folder: {0}/train` and `test_folder: {0}/test`"),
        (("train", "training"), "`folder: {0}/train`"),
        (("test", "train", "unlabelled"), "`folder: {0}/train` and `test_folder: {0}/test`"),
    ],
)
def test_it_must_be_clear_which_parts_are_meant(
    tmp_path: Path, names: tuple[str, ...], advice: str
) -> None:
    root = tmp_path / "mine"
    for name in names:
        image_tree(root / name, COUNTS)
    wanted = (
        f"{root}: expected one folder per class, or one for training and one for testing, found"
        f" {', '.join(sorted(names))}: give {advice.format(root)}"
    )
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        part_folders(root)


def test_a_folder_of_parts_has_no_test_folder_beside(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    for name in ("train", "test"):
        image_tree(root / name, COUNTS)
    entry = {"name": "image-folder", "folder": str(root), "test_folder": str(root / "test")}
    wanted = f"{root}: its training images lie in {root / 'train'}: give `folder: {root / 'train'}`"
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}"):
        examine(dataset_of(entry), tmp_path)


def test_a_train_among_other_vehicles_is_a_class(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "vehicles", {"bus": 3, "train": 3})
    assert open_tree(root, None).classes == ("bus", "train")
    assert part_folders(root) == (root, None)


def test_folders_of_test_images_that_are_no_class_are_told(root: Path, tmp_path: Path) -> None:
    test = image_tree(tmp_path / "test", {"ant": 2, "bee": 2, "cow": 2})
    entry = {"name": "image-folder", "folder": str(root), "test_folder": str(test), "size": 4}
    found = examine(dataset_of(entry), tmp_path)
    assert found.notes == (f"{test}: folders left out, which are no class: cow",)
    assert found.test_samples == 4
    assert examine(dataset_of(entry | {"classes": 2}), tmp_path).notes == found.notes


def test_a_test_folder_without_a_class(root: Path, tmp_path: Path) -> None:
    test = image_tree(tmp_path / "test", {"ant": 2})
    entry = {"name": "image-folder", "folder": str(root), "test_folder": str(test), "size": 4}
    with pytest.raises(EmcError, match="test/bee: no such folder: expected test images of each"):
        examine(dataset_of(entry), tmp_path)
    (test / "bee").mkdir()
    with pytest.raises(EmcError, match="test/bee: no images of this class"):
        examine(dataset_of(entry), tmp_path)


def test_an_empty_file_is_no_image(root: Path) -> None:
    (root / "ant/9.png").touch()
    with pytest.raises(EmcError, match=r"ant/9\.png: expected an image, found an empty file: repl"):
        open_tree(root, None)


def test_a_folder_one_level_above_the_classes(tmp_path: Path) -> None:
    above = tmp_path / "above"
    image_tree(above / "insects", COUNTS)
    wanted = f"{above}: expected two class folders or more, found 'insects' alone, and its images"
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}.* give `folder: {above}/insects`$"):
        open_tree(above, None)
    image_tree(above / "birds", {"owl": 3, "emu": 3})
    (note,) = open_tree(above, None).notes()
    assert note == (
        f"{above}: all images lie in folders within those of the classes birds, insects: if those"
        " are the classes, give `folder:` one level further down"
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("cat.PNG", "image"),
        ("with space.jpg", "image"),
        ("ünï 中.png", "image"),
        ("a.b.c.JPeG", "image"),
        (".png", "nothing"),
        ("png", "other"),
        ("x.png.txt", "other"),
    ],
)
def test_names_of_images(root: Path, name: str, found: str) -> None:
    image(root / "ant" / name)
    tree = open_tree(root, None)
    assert tree.counts == (6 + (found == "image"), 7)
    assert sum(tree.skipped.values()) == (found == "other")


def test_a_name_that_is_no_text(root: Path, tmp_path: Path) -> None:
    odd = os.fsencode(root / "ant") + b"/\xe9.png"
    image(root / "ant/x.png")
    os.rename(root / "ant/x.png", odd)
    entry = {"name": "image-folder", "folder": str(root), "size": 4}
    assert prepare(dataset_of(entry), tmp_path / "out", None).trees[0].images == 14


def test_a_linked_image_is_read_and_a_link_to_nothing_is_named(root: Path) -> None:
    (root / "ant/linked.png").symlink_to(root / "bee/00000.png")
    assert open_tree(root, None).counts == (7, 7)
    (root / "bee/broken.png").symlink_to("/nowhere.png")
    wanted = r"bee/broken\.png: cannot be read: No such file or directory \(a link to nothing\)"
    with pytest.raises(FileError, match=wanted):
        open_tree(root, None)


def test_a_pipe_is_never_read(root: Path) -> None:
    os.mkfifo(root / "ant/pipe.png")
    with pytest.raises(EmcError, match=r"ant/pipe\.png: expected an image file, found a pipe"):
        open_tree(root, None)


def test_folders_that_are_called_as_images_are(root: Path) -> None:
    (root / "ant/x.png").mkdir()
    (root / "ant/y.png").symlink_to(root / "bee")
    tree = open_tree(root, None)
    assert (tree.counts, tree.skipped) == ((6, 7), {"linked folder": 1})


def test_links_in_a_circle_are_named(root: Path) -> None:
    (root / "ant/x.png").symlink_to(root / "ant/x.png")
    with pytest.raises(FileError, match=r"ant/x\.png: cannot be read: Too many levels of symbolic"):
        open_tree(root, None)


@pytest.mark.parametrize("name", ["a\nb", " a ", "Äpfel & Birnen", "a;b"])
def test_odd_names_of_classes(root: Path, tmp_path: Path, name: str) -> None:
    (root / "ant").rename(root / name)
    entry = {"name": "image-folder", "folder": str(root), "size": 4}
    assert name in prepare(dataset_of(entry), tmp_path / "out", None).class_names


def test_classes_that_look_alike_are_told(root: Path) -> None:
    (root / "bee").rename(root / "Ant")
    wanted = f"{root}: classes 'Ant' and 'ant' differ only in how they are written"
    assert open_tree(root, None).notes() == [wanted]


def test_an_image_in_two_classes_is_told(root: Path, tmp_path: Path) -> None:
    (root / "bee/copy.png").write_bytes((root / "ant/00000.png").read_bytes())
    entry = {"name": "image-folder", "folder": str(root), "size": 4}
    notes = prepare(dataset_of(entry), tmp_path / "out", None).notes
    assert notes == (
        f"{root}: 1 of 13 different inputs come with more than one label: no net fits all of their"
        " samples",
    )


def test_a_file_in_place_of_a_folder(root: Path) -> None:
    with pytest.raises(EmcError, match=r"00000\.png: expected a folder .* per class: a file"):
        open_tree(root / "ant/00000.png", None)


def replaced(root: Path) -> None:
    (root / "ant/00001.png").write_bytes((root / "bee/00001.png").read_bytes())


def older(root: Path) -> None:
    replaced(root)
    os.utime(root / "ant/00001.png", (1, 1))


def exchanged(root: Path) -> None:
    os.replace(root / "ant/00001.png", root / "x")
    os.replace(root / "bee/00001.png", root / "ant/00001.png")
    os.replace(root / "x", root / "bee/00001.png")


@pytest.mark.parametrize(
    "change",
    [
        replaced,
        older,
        exchanged,
        lambda root: image(root / "ant/new.png"),
        lambda root: (root / "ant/00001.png").unlink(),
        lambda root: (root / "ant/00001.png").rename(root / "ant/00009.png"),
    ],
)
def test_a_change_changes_the_fingerprint(root: Path, change: Callable[[Path], None]) -> None:
    before = open_tree(root, None)
    content = fingerprint(before).hexdigest()
    change(root)
    after = open_tree(root, None)
    assert after.listing != before.listing
    assert fingerprint(after).hexdigest() != content


def test_another_date_is_no_other_content(root: Path) -> None:
    before = open_tree(root, None)
    content = fingerprint(before).hexdigest()
    os.utime(root / "ant/00001.png", (1, 1))
    after = open_tree(root, None)
    assert after.listing != before.listing
    assert fingerprint(after).hexdigest() == content


def test_the_manifest_holds_the_fingerprint(root: Path, tmp_path: Path) -> None:
    entry = {"name": "image-folder", "folder": str(root), "size": 4}
    (read,) = prepare(dataset_of(entry), tmp_path / "out", None).trees
    tree = open_tree(root, None)
    assert read.content == fingerprint(tree).hexdigest()
    assert (read.folder, read.listing, read.bytes) == (str(root), tree.listing, tree.bytes)
    assert read.bytes == sum(path.stat().st_size for path in root.rglob("*.png"))
