"""Synthetic inputs."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from tests.unit.data.entries import dataset_of

from emc.data import Samples, open_samples
from emc.data.originals import Shelf
from emc.data.prepare import prepare
from emc.data.readers.gaussian import classes_drawn, gaussian
from emc.errors import EmcError


def made(folder: Path, **keys: int) -> Samples:
    prepare(dataset_of({"name": "gaussian", **keys}), folder, None)
    return open_samples(folder)


def test_moments(tmp_path: Path) -> None:
    samples = made(tmp_path, dimension=5, samples=8000, classes=4)
    inputs = samples.inputs(slice(None)).astype(np.float64)
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=5 / 8000**0.5)
    np.testing.assert_allclose(np.cov(inputs.T), np.eye(5), atol=6 / 8000**0.5)
    np.testing.assert_allclose((inputs**4).mean(), 3, atol=0.2)
    shares = np.bincount(samples.labels) / 8000
    np.testing.assert_allclose(shares, 0.25, atol=5 * (0.25 * 0.75 / 8000) ** 0.5)
    assert samples.test().n == 2000
    rows = {row.tobytes() for row in samples.stored}
    assert not any(row.tobytes() in rows for row in samples.test().stored)


@pytest.mark.parametrize(("dimension", "rank"), [(7, 3), (5, 5), (4, 1)])
def test_rank_is_exact(tmp_path: Path, dimension: int, rank: int) -> None:
    samples = made(tmp_path, dimension=dimension, rank=rank, samples=50)
    inputs = samples.inputs(slice(None)).astype(np.float64)
    values = np.linalg.svd(inputs, compute_uv=False)
    assert (values > 1e-3).sum() == rank
    assert (values[rank:] < 1e-12).all()
    np.testing.assert_allclose(inputs.var(), 1, atol=0.3)


def test_seed_decides(tmp_path: Path) -> None:
    one, same, other = (
        made(tmp_path / str(index), dimension=3, samples=20, seed=seed).manifest.sha256
        for index, seed in enumerate((1, 1, 2))
    )
    assert one == same
    assert one != other


def test_rank_above_dimension() -> None:
    with pytest.raises(ValidationError, match="'rank': expected at most 'dimension' 3, found 4"):
        dataset_of({"name": "gaussian", "dimension": 3, "rank": 4})


@pytest.mark.parametrize(("samples", "classes"), [(1, 2), (3, 5), (39, 40)])
def test_fewer_samples_than_classes(samples: int, classes: int) -> None:
    with pytest.raises(ValidationError, match=f"'samples': .* at least {classes}, found {samples}"):
        dataset_of({"name": "gaussian", "dimension": 3, "samples": samples, "classes": classes})


@pytest.mark.parametrize(
    ("samples", "classes"), [(5, 5), (9, 4), (40, 40), (60, 2), (2000, 40), (1500, 40)]
)
def test_drawn_classes_are_those_of_the_prepared_labels(samples: int, classes: int) -> None:
    raw = {"name": "gaussian", "dimension": 3, "samples": samples, "classes": classes}
    tensors = gaussian(dataset_of(raw), Shelf(())).tensors
    arrays = {name: np.empty(spec.shape, spec.dtype) for name, spec in tensors.specs.items()}
    tensors.fill(arrays)
    assert classes_drawn(dataset_of(raw)) == len(set(arrays["train_labels"].tolist()))


def test_class_without_a_sample(tmp_path: Path) -> None:
    with pytest.raises(
        EmcError, match=r"gaussian: no training sample has class '\d+': expected sampl"
    ):
        made(tmp_path, dimension=3, samples=40, classes=40)
    assert not list(tmp_path.iterdir())
