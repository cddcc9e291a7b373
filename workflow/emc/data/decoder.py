"""Image files decoded to pixels of one size."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from emc.data.file_kinds import foreign_kind
from emc.data.folders import read_beginning
from emc.data.pixel_depth import deeper
from emc.errors import EmcError, one_line

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes an image to uint8 [channels, size, size]: its centre square, scaled."""

    size: int
    channels: int

    def __call__(self, path: str, content: bytes) -> np.ndarray:
        """The pixels of an image file of this content.

        Raises:
            EmcError: the file is no whole image of one picture with 8 bits per channel.
        """
        from PIL import Image

        with _refusing(path, content), Image.open(io.BytesIO(content)) as image:
            _refuse_several(path, image)
            _refuse_deep(path, image)
            return self._pixels(image)

    def examine_header(self, path: str) -> None:
        """See by the header of an image file that it can be decoded, as far as that tells.

        Raises:
            EmcError: as when it is decoded, but for damaged pixels.
            FileError: it cannot be read.
        """
        from PIL import Image

        with _refusing(path, read_beginning(path)), Image.open(path) as image:
            _refuse_several(path, image)
            _refuse_deep(path, image)

    def _pixels(self, image: "Image") -> np.ndarray:
        from PIL import Image, ImageOps

        mode = "RGB" if self.channels == 3 else "L"
        image.draft(mode, (2 * self.size, 2 * self.size))  # JPEG: decode no more than that
        ImageOps.exif_transpose(image, in_place=True)
        if "transparency" in image.info:
            image = image.convert("RGBA")
        square = image.crop(_centre(*image.size)).convert(mode)
        scaled = square.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(scaled).reshape(self.size, self.size, self.channels).transpose(2, 0, 1)

    @property
    def preprocessing(self) -> str:
        """What the decoder does, for the manifest."""
        import PIL

        kind = "colour" if self.channels == 3 else "grey"
        return (
            f"turned as EXIF says, transparency ignored, {kind}, centre square scaled to"
            f" {self.size}x{self.size} (bilinear, Pillow {PIL.__version__}), standardised by"
            " channel when read"
        )


@contextmanager
def _refusing(path: str, content: bytes) -> Iterator[None]:
    """What Pillow says of the image file at a path, whose content begins with `content`."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (MemoryError, EmcError):
        raise
    except UnidentifiedImageError:
        kind = foreign_kind(content) or "replace or remove it"
        raise EmcError(f"{path}: no image of a known format: {kind}") from None
    except Image.DecompressionBombError:
        most = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise EmcError(f"{path}: expected at most {most:,} pixels: scale it down") from None
    except Exception as error:  # a damaged file can raise anything
        reason = one_line(error)
        raise EmcError(f"{path}: no readable image ({reason}); replace or remove it") from None


def _centre(width: int, height: int) -> tuple[int, int, int, int]:
    """Left, upper, right and lower edge of the centre square."""
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def _refuse_several(path: str, image: "Image") -> None:
    """Only one picture can be meant; phones add previews to theirs in the format MPO."""
    pictures = getattr(image, "n_frames", 1)
    if pictures > 1 and image.format != "MPO":
        raise EmcError(f"{path}: expected one picture, found {pictures}: give each its own file")


def _refuse_deep(path: str, image: "Image") -> None:
    if (found := deeper(image)) is not None:
        raise EmcError(
            f"{path}: expected channels of 8 bits, found {found}: scale them to 0 to 255 and save"
            " them as 8 bits"
        )
