"""Image files of every kind as pixels of one size."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emc.data.decoder import Decoder
from emc.errors import EmcError

DRAW = np.random.default_rng(3)
CORNERS = np.array([[[250, 0, 0], [0, 250, 0]], [[0, 0, 250], [250, 250, 0]]], dtype=np.uint8)


def written(image: Image.Image, kind: str = "PNG", **more: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def decoded(content: bytes, size: int = 2, channels: int = 3) -> np.ndarray:
    """Pixels [size, size, channels]."""
    return Decoder(size, channels)("a/x.png", content).transpose(1, 2, 0)


def test_centre_square_is_scaled() -> None:
    pixels = np.zeros((8, 16, 3), dtype=np.uint8)
    pixels[:, 4:12] = (200, 100, 50)
    found = decoded(written(Image.fromarray(pixels)), size=4)
    np.testing.assert_array_equal(found, np.full((4, 4, 3), (200, 100, 50)))


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "1"])
@pytest.mark.parametrize("channels", [1, 3])
def test_any_kind_of_image_becomes_colour_or_grey(mode: str, channels: int) -> None:
    image = Image.new("RGB", (5, 5), (255, 255, 255)).convert(mode)
    found = decoded(written(image, "TIFF"), 3, channels)
    np.testing.assert_array_equal(found, np.full((3, 3, channels), 255, dtype=np.uint8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3)])
def test_tiny_and_narrow_images(shape: tuple[int, int]) -> None:
    image = Image.fromarray(np.full((*shape, 3), 77, dtype=np.uint8))
    np.testing.assert_array_equal(decoded(written(image), 4), np.full((4, 4, 3), 77))


TURNED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a, 1),
}
"""What each of EXIF's eight orientations asks of whoever shows the image."""


@pytest.mark.parametrize("orientation", TURNED)
def test_images_are_turned_as_exif_says(orientation: int) -> None:
    image = Image.fromarray(CORNERS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = written(image, exif=exif)
    np.testing.assert_array_equal(decoded(content), TURNED[orientation](CORNERS))


def test_a_large_turned_photograph_is_turned_after_it_is_reduced() -> None:
    """JPEG is decoded at a fraction of its size; the orientation holds for that too."""
    image = Image.fromarray(CORNERS).resize((640, 640), Image.Resampling.NEAREST)
    exif = Image.Exif()
    exif[0x0112] = 6
    found = decoded(written(image, "JPEG", exif=exif, quality=95), 8)
    wanted = np.rot90(CORNERS, -1).astype(int)
    assert abs(found[::7, ::7].astype(int) - wanted).max() < 12


def test_a_palette_with_transparency_is_read_without_a_warning() -> None:
    image = Image.fromarray(CORNERS).quantize(4)
    content = written(image, transparency=b"\0\x80\xff\xff")
    np.testing.assert_allclose(decoded(content), CORNERS, atol=8)


def test_a_phones_photograph_with_a_preview_is_one_picture() -> None:
    image = Image.fromarray(CORNERS)
    content = written(image, "MPO", save_all=True, append_images=[Image.new("RGB", (2, 2))])
    assert decoded(content).shape == (2, 2, 3)


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_several_pictures_in_a_file_are_refused(kind: str) -> None:
    more = [Image.fromarray(255 - CORNERS)]
    content = written(Image.fromarray(CORNERS), kind, save_all=True, append_images=more)
    with pytest.raises(EmcError, match=r"^a/x\.png: expected one picture, found 2: give each"):
        decoded(content)


def test_other_files_are_no_image_and_their_message_is_always_the_same() -> None:
    for content in (b"", b"<html>", b"\x89PNG", b"GIF89a"):
        with pytest.raises(EmcError, match=r"^a/x\.png: no (image of a known|readable)") as told:
            decoded(content)
        assert " at 0x" not in str(told.value)


def test_an_image_of_too_many_pixels_is_told() -> None:
    content = written(Image.new("1", (20_000, 10_000)))
    with pytest.raises(EmcError, match=r"a/x\.png: expected at most 178,956,970 pixels: scale it"):
        decoded(content)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS keeps: run `git lfs pull`"),
        (b"<!DOCTYPE html><html></html>", "a page of the web: download the file itself"),
    ],
)
def test_what_stands_in_place_of_an_image_is_told(content: bytes, kind: str) -> None:
    with pytest.raises(EmcError, match=rf"a/x\.png: no image of a known format: .*{kind}"):
        decoded(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF"])
def test_a_file_cut_anywhere_is_an_error_or_an_image(kind: str) -> None:
    pixels = DRAW.integers(0, 256, (40, 40, 3), dtype=np.uint8)
    content = written(Image.fromarray(pixels), kind)
    refused = 0
    for end in range(0, len(content), max(1, len(content) // 60)):
        try:
            assert decoded(content[:end]).shape == (2, 2, 3)
        except EmcError as error:
            assert str(error).startswith("a/x.png: no ")  # noqa: PT017
            refused += 1
    assert refused > 10
