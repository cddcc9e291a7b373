"""Data sets that plug-ins register."""

from pathlib import Path

import numpy as np
import pytest
from tests.plugin_files import cell_of

from emc.data import open_samples
from emc.data.prepare import prepare
from emc.errors import EmcError
from emc.study import Cell
from emc.study.identity import dataset_definition, dataset_from_definition, dataset_id

RINGS = """
import numpy as np

@emc.dataset("rings"FACTS)
def rings(samples: int = 50, noise: float = 0.1):
    draw = np.random.default_rng(0)
    labels = draw.integers(3, size=samples)
    angle = draw.uniform(0, 2 * np.pi, samples)
    radius = labels + noise * draw.standard_normal(samples)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), labels
"""
MLP = "architecture: {name: mlp, width: 3}"


def rings(folder: Path, keys: str = "name: rings", facts: str = "") -> Cell:
    plugin = RINGS.replace("FACTS", facts)
    return cell_of(folder, plugin, f"{{dataset: {{{keys}}}, {MLP}}}")


def returning(folder: Path, value: str, decorator: str = "'own'") -> Cell:
    plugin = f"@emc.dataset({decorator})\ndef own():\n    return {value}\n"
    return cell_of(folder, plugin, f"{{dataset: own, {MLP}}}")


def test_what_the_function_gives_is_what_is_prepared(tmp_path: Path) -> None:
    dataset = rings(tmp_path, "name: rings, samples: 60").dataset
    manifest = prepare(dataset, tmp_path / "data", None)
    samples = open_samples(tmp_path / "data")
    whole = np.concatenate([samples.inputs(slice(None)), samples.test().inputs(slice(None))])
    assert (manifest.shape, manifest.classes, manifest.dtype) == ((2,), 3, "float32")
    assert len(whole) == 60
    assert manifest.samples == pytest.approx(48, abs=2)
    assert manifest.dataset == {
        "name": "rings",
        "called": None,
        "samples": 60,
        "noise": 0.1,
    }
    assert [file.name for file in manifest.files] == ["own.py"]
    radius = np.linalg.norm(samples.inputs(slice(None)), axis=1)
    assert np.abs(radius - samples.labels).max() < 0.6


def test_a_test_part_of_its_own(tmp_path: Path) -> None:
    value = "torch.eye(4), torch.tensor([0, 1, 0, 1]), torch.ones(1, 4), torch.tensor([1])"
    manifest = prepare(returning(tmp_path, value).dataset, tmp_path / "data", None)
    samples = open_samples(tmp_path / "data")
    np.testing.assert_array_equal(samples.inputs(slice(None)), np.eye(4))
    assert (manifest.samples, manifest.test_samples) == (4, 1)
    assert manifest.split == "the data set's own"


def test_pixels_are_standardised(tmp_path: Path) -> None:
    value = "torch.arange(80, dtype=torch.uint8).reshape(10, 2, 2, 2), torch.arange(10) % 2"
    manifest = prepare(returning(tmp_path, value).dataset, tmp_path / "data", None)
    inputs = open_samples(tmp_path / "data").inputs(slice(None))
    assert (manifest.dtype, manifest.shape) == ("uint8", (2, 2, 2))
    np.testing.assert_allclose(inputs.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(axis=(0, 2, 3)), 1, rtol=1e-5)


def test_images_of_real_numbers_are_used_as_they_are(tmp_path: Path) -> None:
    value = "torch.ones(10, 1, 2, 2) / 3, torch.arange(10) % 2"
    prepare(returning(tmp_path, value).dataset, tmp_path / "data", None)
    inputs = open_samples(tmp_path / "data").inputs(slice(None))
    assert inputs.shape[1:] == (1, 2, 2)
    np.testing.assert_allclose(inputs, 1 / 3, rtol=1e-6)


def test_its_folder_depends_on_its_keys_and_its_plugin(tmp_path: Path) -> None:
    names = [
        dataset_id(rings(tmp_path, f"name: rings, noise: {noise}").dataset) for noise in (0, 1)
    ]
    (tmp_path / "elsewhere").mkdir()
    there = rings(tmp_path / "elsewhere", "name: rings, noise: 0").dataset
    changed = rings(tmp_path, "name: rings, noise: 0", facts=", shape=(2,), classes=3").dataset
    assert dataset_id(there) == names[0]
    assert len({*names, dataset_id(changed)}) == 3
    assert dataset_from_definition(dataset_definition(there)) == there


def test_known_facts_help_a_study(tmp_path: Path) -> None:
    known = rings(tmp_path, facts=", shape=(2,), classes=3")
    assert (known.shape, known.classes, known.parameters) == ((2,), 3, 9 + 12 + 12)
    with pytest.raises(EmcError, match="unknown until it is prepared"):
        _ = rings(tmp_path).shape


def test_facts_that_are_not_so(tmp_path: Path) -> None:
    dataset = rings(tmp_path, facts=", shape=(3,), classes=3").dataset
    with pytest.raises(
        EmcError, match=r"rings: shape of its files: expected \(3,\), .*, found \(2,\)"
    ):
        prepare(dataset, tmp_path / "data", None)
    dataset = rings(tmp_path, facts=", shape=(2,), classes=2").dataset
    with pytest.raises(EmcError, match="rings: expected labels from 0 to 1, found 0 to 2"):
        prepare(dataset, tmp_path / "data", None)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1 / 0", r"own\.py, line 6: ZeroDivisionError: division by zero"),
        ("None", r"own\.py, line 4: TypeError"),
        (
            "[torch.eye(2)]",
            "line 4: dataset 'own': expected .inputs, labels. or .*, found 1 arrays",
        ),
        ("torch.eye(2), torch.zeros(3)", r"labels \[n\], found shapes \(2, 2\), \(3,\)"),
        ("torch.ones(0, 2), torch.arange(0)", r"found shapes \(0, 2\), \(0,\)"),
        ("torch.ones(2), torch.arange(2)", r"found shapes \(2,\), \(2,\)"),
        ("torch.eye(2), torch.ones(2) / 2", "expected whole numbers as labels, found 0.5 at 0"),
        ("torch.eye(2), torch.ones(2) * torch.nan", "whole numbers as labels, found nan at 0"),
        ("torch.eye(2), ['a', 'b']", "expected whole numbers as labels, found text: number the"),
        ("torch.eye(2) / 0, torch.arange(2)", "input 0 is not finite: expected finite numbers"),
        ("torch.eye(2).double() * 1e300, [0, 1]", "input 0 is not finite as float32"),
        (
            "torch.eye(2).double() * 1e-60, [0, 1]",
            r"inputs from 0 to 1e-60 at \[0\] are all 0 as float32",
        ),
        (
            "torch.eye(2).double() * 1e-6 + 1e9, [0, 1]",
            r"from 1e\+09 to 1e\+09 at \[0\] are all 1e\+09 as float32",
        ),
        ("torch.arange(4).reshape(2, 2) + 2**60, [0, 1]", "are all 1.15292e.18 as float32"),
        (
            "__import__('numpy').ma.masked_equal([[1.0], [2.0]], 2), [0, 1]",
            "dataset 'own': expected an array without masked values, found 1 of 2: leave",
        ),
        ("[['a'], ['b']], [0, 1]", "expected inputs that are real numbers, found <U1"),
        ("torch.eye(2) * 1j, [0, 1]", "inputs that are real numbers, found complex64"),
        (
            "torch.ones(2, 2, dtype=torch.uint8), torch.arange(2)",
            r"pixels \[n, channels, height, width\], found the shape \(2, 2\)",
        ),
        ("torch.eye(10), torch.zeros(10, dtype=int)", "own: expected two classes or more, found"),
        (
            "torch.eye(10), torch.arange(10) % 2 * 2",
            "own: no training sample has class '1': expected samples of all 3 classes, found 8 of"
            " 2",
        ),
        (
            "torch.eye(10), torch.arange(10) % 2 - 1",
            "expected labels from 0, found -1",
        ),
    ],
)
def test_what_is_no_data_set(tmp_path: Path, value: str, message: str) -> None:
    dataset = returning(tmp_path, value).dataset
    with pytest.raises(EmcError, match=message):
        prepare(dataset, tmp_path / "data", None)


@pytest.mark.parametrize(
    "labels",
    [
        "torch.arange(10) % 2",
        "torch.arange(10) % 2.0",
        "torch.arange(10)[:, None] % 2",
        "[one % 2 == 1 for one in range(10)]",
    ],
)
def test_labels_that_mean_the_same(tmp_path: Path, labels: str) -> None:
    prepare(returning(tmp_path, f"torch.eye(10), {labels}").dataset, tmp_path / "data", None)
    samples = open_samples(tmp_path / "data")
    rows = np.argmax(samples.inputs(slice(None)), axis=1)
    np.testing.assert_array_equal(samples.labels, rows % 2)


@pytest.mark.parametrize(
    ("decorator", "message"),
    [
        ("'mnist'", "line 4: dataset 'mnist' comes with the program"),
        ("'own', shape=(2,)", "expected both 'shape' and 'classes', or neither"),
        (
            "'own', shape=4, classes=2",
            r"dataset 'own': shape: expected whole numbers from 1, such as \(3, 8, 8\), found 4",
        ),
        ("'own', shape=(), classes=2", r"shape: expected whole numbers from 1, .*, found \(\)"),
        ("'own', shape=(2, 0.5), classes=2", r"shape: expected whole .*, found \(2, 0.5\)"),
        ("'own', shape=(2,), classes='two'", "classes: expected 2 or more, found 'two'"),
        ("'own', shape=(2,), classes=1", "classes: expected 2 or more, found 1"),
    ],
)
def test_registrations_that_are_refused(tmp_path: Path, decorator: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        returning(tmp_path, "None", decorator)
