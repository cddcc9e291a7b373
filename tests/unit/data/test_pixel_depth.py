"""Images of more, or of other, numbers than 8 bits per channel: none is read as if it had those."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emc.data.decoder import Decoder
from emc.errors import EmcError

DRAW = np.random.default_rng(3)
SIDE = 4


def values(kind: str, channels: int) -> np.ndarray:
    return DRAW.integers(0, 100, (SIDE, SIDE, channels)).astype(kind)


def png(pixels: np.ndarray, colour: int, bits: int = 16) -> bytes:
    """An image of PNG, whose rows are bytes that are packed already."""
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, bits, colour, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def tiff(pixels: np.ndarray, photometric: int, sample_format: int = 1) -> bytes:
    """An image of TIFF in one strip, not compressed; Pillow writes none of 16 bits of colour."""
    channels = pixels.shape[-1]
    lists = 8 + pixels.nbytes
    alpha = [(338, 3, 1, 2)] if channels in (2, 4) and photometric != 5 else []

    def of_each(tag: int, value: int, place: int) -> tuple[int, int, int, int]:
        inline = value | value << 16 if channels == 2 else value
        return (tag, 3, channels, inline if channels <= 2 else place)

    entries = [
        (256, 3, 1, SIDE),
        (257, 3, 1, SIDE),
        of_each(258, 8 * pixels.itemsize, lists),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 3, 1, SIDE),
        (279, 4, 1, pixels.nbytes),
        *alpha,
        of_each(339, sample_format, lists + 2 * channels),
    ]
    depths = struct.pack(f"<{channels}H", *[8 * pixels.itemsize] * channels)
    formats = struct.pack(f"<{channels}H", *[sample_format] * channels)
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    start = lists + 4 * channels
    return (
        struct.pack("<2sHI", b"II", 42, start)
        + pixels.tobytes()
        + depths
        + formats
        + struct.pack("<H", len(entries))
        + directory
        + bytes(4)
    )


def ppm(magic: str, most: int, channels: int) -> bytes:
    return f"{magic}\n{SIDE} {SIDE}\n{most}\n".encode() + values(">u2", channels).tobytes()


def written(pixels: np.ndarray, kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


DEEP = {
    "PNG, grey": (png(values(">u2", 1), 0), r"16 bits \(mode I;16\)"),
    "PNG, grey and alpha": (png(values(">u2", 2), 4), r"16 bits \(mode (RGBA|LA)\)"),
    "PNG, colour": (png(values(">u2", 3), 2), r"16 bits \(mode RGB\)"),
    "PNG, colour and alpha": (png(values(">u2", 4), 6), r"16 bits \(mode RGBA\)"),
    "TIFF, grey": (tiff(values("<u2", 1), 1), r"16 bits \(mode I;16\)"),
    "TIFF, colour": (tiff(values("<u2", 3), 2), r"16 bits \(mode RGB\)"),
    "TIFF, colour and alpha": (tiff(values("<u2", 4), 2), r"16 bits \(mode RGBA\)"),
    "TIFF, inks": (tiff(values("<u2", 4), 5), r"16 bits \(mode CMYK\)"),
    "TIFF, 32 bits": (tiff(values("<u4", 1), 1), r"32 bits \(mode I\)"),
    "TIFF, signs": (
        tiff(values("<i1", 1), 1, 2),
        r"numbers with a sign of 8 bits \(mode L\)",
    ),
    "TIFF, floating point": (
        tiff(values("<f4", 1), 1, 3),
        r"floating-point numbers of 32 bits \(mode F\)",
    ),
    "TIFF of Pillow": (written(np.full((4, 4), 0.5, np.float32), "TIFF"), r"floating-point .*F\)"),
    "PGM": (ppm("P5", 65535, 1), r"more than 8 bits \(mode I\)"),
    "PGM, few": (ppm("P5", 1000, 1), r"numbers up to 1,000 \(mode I\)"),
    "PPM": (ppm("P6", 65535, 3), r"numbers up to 65,535 \(mode RGB\)"),
}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", DEEP)
def test_deeper_images_are_refused_by_header_and_content(
    kind: str, channels: int, tmp_path: Path
) -> None:
    content, found = DEEP[kind]
    file = tmp_path / "x.png"
    file.write_bytes(content)
    told = (
        rf"x\.png: expected channels of 8 bits, found {found}: scale them to 0 to 255 and save them"
        " as 8 bits$"
    )
    decode = Decoder(2, channels)
    with pytest.raises(EmcError, match=told):
        decode(str(file), content)
    with pytest.raises(EmcError, match=told):
        decode.examine_header(str(file))


FOUR = np.array([[0b00011011]] * SIDE, np.uint8)
"""Rows of the four numbers of 2 bits."""
SPREAD = np.array([0, 85, 170, 255])
READ = {
    "PNG, 2 bits": (png(FOUR, 0, 2), SPREAD),
    "TIFF": (tiff(np.tile(SPREAD, (SIDE, 1)).astype(np.uint8)[:, :, None], 1), SPREAD),
    "TIFF, white is 0": (tiff(np.tile(SPREAD, (SIDE, 1)).astype(np.uint8)[:, :, None], 0), None),
    "PGM, up to 3": (b"P5 4 4 3\n" + bytes([0, 1, 2, 3] * SIDE), SPREAD),
    "PBM": (b"P4 4 4\n" + bytes([0b11010000] * SIDE), np.array([0, 0, 255, 0])),
}


@pytest.mark.parametrize("kind", READ)
def test_images_of_fewer_bits_are_spread_over_eight(kind: str) -> None:
    content, row = READ[kind]
    row = SPREAD[::-1] if row is None else row
    found = Decoder(SIDE, 1)("x.png", content)
    np.testing.assert_array_equal(found, np.tile(row, (1, SIDE, 1)))
