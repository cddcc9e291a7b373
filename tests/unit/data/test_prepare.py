"""From originals to a tensor file and its manifest."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from tests.unit.data.entries import dataset_of
from tests.unit.data.formats import image_tree

from emc.data import open_samples
from emc.data.equality import digests, equal_inputs
from emc.data.manifest import TENSORS, read_manifest
from emc.data.prepare import prepare
from emc.data.readers import reader
from emc.data.samples import verify
from emc.errors import EmcError
from emc.study.datasets import DataSet


def test_every_data_set_of_a_study_can_be_prepared() -> None:
    union, *_ = get_args(DataSet)
    names = {get_args(model.model_fields["name"].annotation)[0] for model in get_args(union)}
    assert all(reader(name).about.licence for name in names)


@pytest.mark.parametrize("name", ["digits", "mnist-5k"])
def test_packaged_data_sets_are_what_a_study_relies_on(tmp_path: Path, name: str) -> None:
    dataset = dataset_of(name)
    manifest = prepare(dataset, tmp_path, None)
    assert (manifest.shape, manifest.classes, manifest.samples) == dataset.facts
    assert manifest.original_equal_inputs.samples == manifest.samples + manifest.test_samples
    assert manifest.original_equal_inputs.duplicates == 0


def test_channels_are_standardised_exactly(tmp_path: Path) -> None:
    root = image_tree(tmp_path / "tree", {"a": 11, "b": 8})
    manifest = prepare(
        dataset_of({"name": "image-folder", "folder": str(root), "size": 6}), tmp_path / "out", None
    )
    samples = open_samples(tmp_path / "out")
    pixels = samples.stored.astype(np.float64)
    np.testing.assert_allclose(manifest.shift, pixels.mean(axis=(0, 2, 3)), rtol=1e-13)
    np.testing.assert_allclose(manifest.scale, pixels.std(axis=(0, 2, 3)), rtol=1e-12)
    inputs = samples.inputs(slice(None)).astype(np.float64)
    np.testing.assert_allclose(inputs.mean(axis=(0, 2, 3)), 0, atol=1e-6)
    np.testing.assert_allclose(inputs.std(axis=(0, 2, 3)), 1, atol=1e-6)


def test_constant_channel_is_only_shifted(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("a", "b"):
        (tmp_path / "tree" / name).mkdir(parents=True)
        Image.new("L", (2, 2), 7).save(tmp_path / "tree" / name / "0.png")
    entry = {"name": "image-folder", "folder": "tree", "size": 2, "channels": 1}
    manifest = prepare(dataset_of(entry), tmp_path / "out", tmp_path)
    assert (manifest.shift, manifest.scale) == ((7.0,), (1.0,))
    assert (open_samples(tmp_path / "out").inputs(slice(None)) == 0).all()
    assert manifest.equal_inputs.conflicts == 1
    assert manifest.test_samples == 0


def test_equal_images_are_counted_in_the_part_and_in_the_whole(digits_folder: Path) -> None:
    samples = open_samples(digits_folder)
    test = samples.test()
    every = np.concatenate([samples.stored, test.stored])
    labels = np.concatenate([samples.labels, test.labels])
    found = samples.manifest
    assert found.equal_inputs == equal_inputs(digests(samples.stored), samples.labels)
    assert found.original_equal_inputs == equal_inputs(digests(every), labels)


def test_preparing_again_gives_the_same_files(tmp_path: Path, digits_folder: Path) -> None:
    prepare(dataset_of("digits"), tmp_path, None)
    for name in (TENSORS, "manifest.json"):
        assert (tmp_path / name).read_bytes() == (digits_folder / name).read_bytes()


def test_manifest_survives_its_file(digits_folder: Path) -> None:
    manifest = read_manifest(digits_folder)
    assert manifest.name == "digits"
    assert manifest.dataset == {"name": "digits"}
    assert manifest.class_names == tuple("0123456789")
    assert sum(manifest.class_counts) == manifest.samples == 1438
    assert "CC BY 4.0" in manifest.licence
    assert [file.name for file in manifest.files] == ["digits.csv"]
    verify(digits_folder)


def altered_manifest(folder: Path, target: Path, **keys: Any) -> Path:
    target.mkdir()
    (target / TENSORS).write_bytes((folder / TENSORS).read_bytes())
    document = json.loads((folder / "manifest.json").read_text())
    (target / "manifest.json").write_text(json.dumps({**document, **keys}))
    return target


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (
            {"samples": "many"},
            "manifest.json: key 'samples': .*`emc run .* remakes it",
        ),
        ({"colour": 1}, "manifest.json: key 'colour'"),
        ({"samples": "3"}, "manifest.json: key 'samples': Input should be a valid integer"),
        ({"classes": True}, "manifest.json: key 'classes': Input should be a valid integer"),
        ({"samples": 1437}, "does not belong to its manifest"),
        ({"shape": [1, 64]}, "does not belong to its manifest"),
        ({"tensor_bytes": 5}, "does not belong to its manifest"),
    ],
)
def test_files_that_do_not_belong_together(
    tmp_path: Path, digits_folder: Path, keys: dict[str, Any], message: str
) -> None:
    with pytest.raises(EmcError, match=message):
        open_samples(altered_manifest(digits_folder, tmp_path / "x", **keys))


def test_altered_tensors_are_found_on_demand(tmp_path: Path, digits_folder: Path) -> None:
    folder = altered_manifest(digits_folder, tmp_path / "x")
    content = bytearray((folder / TENSORS).read_bytes())
    content[-1] ^= 1
    (folder / TENSORS).write_bytes(content)
    open_samples(folder)
    with pytest.raises(EmcError, match=r"tensors\.safetensors: altered: its sha256 is"):
        verify(folder)


def test_cut_tensors_are_found_at_once(tmp_path: Path, digits_folder: Path) -> None:
    folder = altered_manifest(digits_folder, tmp_path / "x")
    (folder / TENSORS).write_bytes((folder / TENSORS).read_bytes()[:-1])
    with pytest.raises(EmcError, match=r"damaged .* `emc run .* remakes it"):
        open_samples(folder)


def test_not_yet_prepared(tmp_path: Path) -> None:
    with pytest.raises(
        EmcError,
        match=r"manifest\.json: no such file; `emc run .* makes it",
    ):
        open_samples(tmp_path)


def test_neither_torch_nor_readers_are_imported() -> None:
    code = (
        "import sys, emc.data\n"
        "assert not {'torch', 'polars', 'PIL', 'safetensors'} & set(sys.modules)\n"
        "import emc.data.prepare\n"
        "assert not {'torch', 'torchvision', 'sklearn', 'mlxtend'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
