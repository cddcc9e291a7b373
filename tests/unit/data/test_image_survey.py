"""Images looked at before anything is computed: all of a small folder, a part of a large one."""

from pathlib import Path

import pytest
from PIL import Image
from tests.unit.data.formats import image_tree

from emc.data import image_survey
from emc.data.decoder import Decoder
from emc.data.folders import Tree, open_tree
from emc.data.image_survey import survey

COUNTS = {"ant": 7, "bee": 13}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return open_tree(image_tree(tmp_path / "photos", COUNTS), None)


def image(tree: Tree, place: int) -> Path:
    return Path((tree.images(0) + tree.images(1))[place])


def truncated(path: Path) -> None:
    """Its header is whole, its pixels are not; its size stays."""
    content = path.read_bytes()
    path.write_bytes(content[:60] + bytes(len(content) - 60))


def test_small_folders_are_decoded_whole(tree: Tree) -> None:
    found = survey(tree, Decoder(6, 3))
    assert (found.opened, found.decoded, found.broken) == (20, 20, ())
    assert found.told == f"{tree.root}: all 20 images were decoded"


@pytest.mark.parametrize("place", [0, 6, 7, 19])
def test_a_damaged_image_is_found_wherever_it_lies(tree: Tree, place: int) -> None:
    truncated(image(tree, place))
    (told,) = survey(tree, Decoder(6, 3)).faults
    assert told.startswith(f"{image(tree, place)}: no readable image (")


def test_of_large_folders_headers_are_read_and_some_images_decoded(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_survey, "_DECODED", tree.bytes / 4)
    truncated(image(tree, 5))
    image(tree, 9).write_bytes(b"<!DOCTYPE html>".ljust(99))
    Image.new("I;16", (6, 6)).save(image(tree, 13))
    found = survey(tree, Decoder(6, 3))
    assert (found.opened, found.decoded) == (20, 5)
    assert found.told == (
        f"{tree.root}: of 20 images the headers of all were read, and 5 were decoded: a damaged one"
        " among the others is found when the data set is prepared"
    )
    page, deep = found.faults
    assert page == (
        f"{image(tree, 9)}: no image of a known format: a page of the web: download the file itself"
    )
    assert "expected channels of 8 bits, found 16 bits (mode I;16)" in deep


def test_of_very_large_folders_not_even_all_headers_are_read(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image_survey, "_OPENED", 10)
    monkeypatch.setattr(image_survey, "_DECODED", tree.bytes / 4)
    found = survey(tree, Decoder(6, 3))
    assert (found.opened, found.decoded) == (10, 5)
    assert "the headers of 10 were read, and 5 were decoded" in found.told


def test_the_first_broken_images_are_named_and_the_others_counted(tree: Tree) -> None:
    for place in range(12):
        truncated(image(tree, place))
    faults = survey(tree, Decoder(6, 3)).faults
    assert len(faults) == 6
    assert faults[-1] == f"{tree.root}: 7 more images cannot be read"
