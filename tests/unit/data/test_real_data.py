"""Original files in `EMC_DATA_DIR`: what was published of each data set must come out."""

from pathlib import Path

import numpy as np
import pytest
from tests.unit.data.entries import dataset_of

from emc.data import open_samples
from emc.data.prepare import prepare

pytestmark = pytest.mark.real_data


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("mnist", (60_000, 60_000, 0)),
        ("fashion-mnist", (60_000, 60_000, 0)),
        ("cifar10", (50_000, 50_000, 0)),
        ("covertype", (581_012, 581_012, 0)),
        ("adult", (32_561, 32_536, 1)),
        ("credit", (30_000, 29_944, 21)),
        ("german-credit", (1_000, 1_000, 0)),
    ],
)
def test_published_counts(
    tmp_path: Path, real_data: Path, name: str, counts: tuple[int, int, int]
) -> None:
    """`counts`: rows, distinct inputs, and inputs with more than one label."""
    dataset = dataset_of(name)
    manifest = prepare(dataset, tmp_path, real_data)
    assert (manifest.shape, manifest.classes, manifest.samples) == dataset.facts
    found = manifest.original_equal_inputs
    assert (found.samples, found.distinct, found.conflicts) == counts
    samples = open_samples(tmp_path)
    inputs = samples.inputs(np.arange(0, samples.n, 7))
    assert np.isfinite(inputs).all()
    assert inputs.shape[1:] == dataset.facts.shape


def test_mnist_is_mnist(tmp_path: Path, real_data: Path) -> None:
    """Mean 0.1307 and deviation 0.3081 of its pixels are quoted everywhere."""
    manifest = prepare(dataset_of("mnist"), tmp_path, real_data)
    assert manifest.shift[0] / 255 == pytest.approx(0.1307, abs=5e-5)
    assert manifest.scale[0] / 255 == pytest.approx(0.3081, abs=5e-5)
    assert open_samples(tmp_path).labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_cifar10_is_cifar10(tmp_path: Path, real_data: Path) -> None:
    """Means 0.4914, 0.4822, 0.4465 and deviations 0.2470, 0.2435, 0.2616 are quoted everywhere."""
    manifest = prepare(dataset_of("cifar10"), tmp_path, real_data)
    np.testing.assert_allclose(np.array(manifest.shift) / 255, (0.4914, 0.4822, 0.4465), atol=5e-5)
    np.testing.assert_allclose(np.array(manifest.scale) / 255, (0.2470, 0.2435, 0.2616), atol=5e-5)
    assert open_samples(tmp_path).labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert set(manifest.class_counts) == {5000}


def test_mnist_5k_is_part_of_mnist(tmp_path: Path, real_data: Path) -> None:
    prepare(dataset_of("mnist"), tmp_path / "all", real_data)
    prepare(dataset_of("mnist-5k"), tmp_path / "some", real_data)
    known = {image.tobytes() for image in open_samples(tmp_path / "all").stored}
    assert all(image.tobytes() in known for image in open_samples(tmp_path / "some").stored)


def test_photographs_in_class_folders(tmp_path: Path, real_data: Path) -> None:
    entry = {"name": "image-folder", "folder": "photos", "size": 64}
    manifest = prepare(dataset_of(entry), tmp_path, real_data)
    assert manifest.samples + manifest.test_samples == 500
    assert manifest.classes == 107
    assert min(manifest.class_counts) == 1
