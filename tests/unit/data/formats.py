"""Files in the formats of published data sets, written independently of the readers."""

import gzip
import hashlib
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from emc.data.originals import Edition


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(">BBBB", 0, 0, 8, array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def python2_batch(images: np.ndarray, labels: list[int], key: bytes) -> bytes:
    """What Python 2's cPickle wrote for CIFAR, opcode by opcode (protocol 2)."""
    numbers = b"".join(b"K" + bytes([label]) for label in labels)
    entries = _string(b"data") + python2_array(images) + _string(key) + b"](" + numbers + b"e"
    return b"\x80\x02}(" + entries + b"u."


def python2_array(array: np.ndarray, code: bytes = b"u1") -> bytes:
    made = b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n"
    made += b"K\x00\x85" + _string(b"b") + b"\x87R"
    dtype = b"cnumpy\ndtype\n" + _string(code) + b"K\x00K\x01\x87R"
    dtype += b"(K\x03" + _string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(b"J" + struct.pack("<i", size) for size in array.shape) + b"\x86"
    content = array.tobytes()
    state = b"(K\x01" + shape + dtype + b"\x89T" + struct.pack("<i", len(content)) + content
    return made + state + b"tb"


def _string(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def place(folder: Path, files: Mapping[str, bytes], *, compressed: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        target = folder / (name + ".gz" if compressed else name)
        target.write_bytes(gzip.compress(content) if compressed else content)
    return folder


def edition_of(edition: Edition, files: Mapping[str, bytes]) -> Edition:
    """The edition with the checksums of made-up files."""
    sums: dict[str, str | None] = {
        name: hashlib.md5(content).hexdigest() for name, content in files.items()
    }
    return Edition(edition.folder, sums, edition.archive)


def image_tree(root: Path, counts: Mapping[str, int], side: int = 6) -> Path:
    """Class folders of random colour PNG images, all different."""
    draw = np.random.default_rng(0)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = draw.integers(0, 256, (side, side, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index:05d}.png")
    return root


def crowded_tree(root: Path, classes: int, each: int) -> Path:
    """Many links to a few images."""
    image_tree(root.with_name("images"), {"one": 16})
    originals = sorted(root.with_name("images").rglob("*.png"))
    for label in range(classes):
        (root / f"class-{label}").mkdir(parents=True)
        for index in range(each):
            source = originals[(index + label) % len(originals)]
            os.link(source, root / f"class-{label}" / f"{index:05d}.png")
    return root
