"""Ten thousand damaged files: every reader gives what it was asked for, or a clean error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.unit.store.examples import run
from tests.unit.store.tensor_files import write_tensors

from emc.data.decoder import Decoder
from emc.data.manifest import MANIFEST, read_manifest
from emc.data.prepare import examine, prepare
from emc.errors import EmcError
from emc.measurement.state import read_estimate
from emc.records import Failure, Law, Probe
from emc.store.columns import PROBES
from emc.store.documents import read_document
from emc.store.endpoints import read_endpoints, write_endpoints
from emc.store.failures import read_failure, write_failure
from emc.store.journal import Journal, read_rounds
from emc.store.layout import CellFiles
from emc.store.resources import Resources, read_resources, write_resources
from emc.store.rows import probe_row
from emc.store.tables import read_table, write_table
from emc.store.tensors import open_tensors
from emc.study import load_file
from emc.study.cell import Cell
from emc.study.identity import canonical, from_canonical

pytestmark = pytest.mark.slow

PROBE = Probe(cell="a", round=0, replica=0, seed=1, n=10, lr=0.1, device="cpu", run=run())
POINT = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3)}
CELL = Cell.model_validate({"dataset": "digits", "architecture": {"name": "mlp", "width": 4}})

Writer = Callable[[Path], Path]
Reader = Callable[[Path], object]


def document(folder: Path) -> Path:
    (folder / "estimate.json").write_text('{"cell": "a", "emc50": 3.5, "rates": []}')
    return folder / "estimate.json"


def failure(folder: Path) -> Path:
    path = folder / "a" / "failure-measure.json"
    write_failure(path, Failure("a", "measure", "odd", ()))
    return path


def manifest(folder: Path) -> Path:
    prepare(Cell.model_validate(GAUSSIAN).dataset, folder, None)
    return folder / MANIFEST


def table(folder: Path) -> Path:
    write_table(folder / "probes.parquet", PROBES, [probe_row(PROBE)])
    return folder / "probes.parquet"


def endpoints(folder: Path) -> Path:
    write_endpoints(folder / "endpoints.safetensors", [(PROBE, POINT)])
    return folder / "endpoints.safetensors"


def resources(folder: Path) -> Path:
    laws = {"measure": {"runtime": Law(1.5, 0.7, typical=300.0, factor=2.5, learnt_from=12)}}
    write_resources(
        folder / "resources.json", Resources(laws, {"runtime": 600}, {"a": {"mem_mb": 9.0}})
    )
    return folder / "resources.json"


def tensors(folder: Path) -> Path:
    write_tensors(folder / "t.safetensors", POINT, {"made": "by hand"})
    return folder / "t.safetensors"


def journal(folder: Path) -> Path:
    written = Journal(folder / "rounds.journal", "a")
    written.append([PROBE], [POINT])
    written.close()
    return folder / "rounds.journal"


def local_table(folder: Path) -> Path:
    rows = "".join(f"{1.5 * row},{row % 7},{'ab'[row % 2]}\n" for row in range(30))
    (folder / "t.csv").write_text("x,z,y\n" + rows)
    return folder / "t.csv"


def image(folder: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "image.webp")
    return folder / "image.webp"


def read_table_of_a_user(path: Path) -> object:
    entry = {"name": "csv", "file": str(path), "label": "y"}
    return examine(Cell.model_validate(GAUSSIAN | {"dataset": entry}).dataset, path.parent)


GAUSSIAN = {
    "dataset": {"name": "gaussian", "dimension": 3, "samples": 20},
    "architecture": {"name": "linear"},
}
READERS: dict[str, tuple[Writer, Reader]] = {
    "document": (document, lambda path: read_document(path, "a rule")),
    "estimate": (document, lambda path: read_estimate(CellFiles(path.parent))),
    "failure": (failure, read_failure),
    "manifest": (manifest, lambda path: read_manifest(path.parent)),
    "table": (table, lambda path: read_table(path, PROBES, "a rule")),
    "resources": (resources, read_resources),
    "end points": (endpoints, lambda path: read_endpoints(path, "a")),
    "tensors": (tensors, lambda path: open_tensors(path, "a rule")),
    "table of a user": (local_table, read_table_of_a_user),
    "image of a user": (image, lambda path: Decoder(4, 3)(str(path), path.read_bytes())),
    "journal, looked at": (journal, read_rounds),
    "journal, taken up": (journal, lambda path: Journal(path, "a").close()),
}


@st.composite
def damages(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    """Bytes cut out, put in or overwritten at any place; rarely all of them replaced."""
    place, length = draw(st.floats(0, 1)), draw(st.integers(0, 64))
    new = draw(st.binary(max_size=64))
    whole = draw(st.integers(0, 19)) == 0

    def damaged(content: bytes) -> bytes:
        at = int(place * len(content))
        return new if whole else content[:at] + new + content[at + length :]

    return damaged


def refusal(read: Callable[[], object]) -> str | None:
    """What the one clean error says; any other exception passes and fails the test."""
    try:
        read()
    except EmcError as error:
        return str(error)
    return None


@pytest.mark.parametrize("kind", READERS)
def test_a_damaged_file_is_read_or_refused(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write, read = READERS[kind]
    path = write(tmp_path_factory.mktemp("fuzz"))
    whole = path.read_bytes()

    @settings(max_examples=800, deadline=None)
    @given(damages())
    def check(damage: Callable[[bytes], bytes]) -> None:
        path.write_bytes(damage(whole))
        refused = refusal(lambda: read(path))
        assert refused is None or path.name in refused

    check()


STUDY = {
    "study": "fuzzed",
    "defaults": {
        "dataset": {"name": "gaussian", "dimension": 4, "samples": 40},
        "labels": "random",
        "architecture": {"name": "mlp", "depth": 1, "params": 100},
        "optimizer": {"name": "sgd", "lr": [0.1, 0.3]},
        "budget": {"epochs": 10},
        "finish": {"iterations": 60, "effort": 1000},
        "search": {"tolerance": 0.3, "probes": 8},
    },
    "presets": {"slow": {"budget": {"epochs": 100}}},
    "sections": {
        "s": {
            "grid": {"activation": ["relu", "tanh"], "architecture.depth": [1, 2]},
            "exclude": [{"activation": "tanh", "architecture.depth": 2}],
            "cells": [{"preset": "slow", "seed": 3}],
        }
    },
    "certificate": {"eps": 0.01},
}
WORDS = ("name", "lr", "sgd", "mlp", "preset", "slow", "architecture.depth", "", "1e3", "../x", "*")
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-3, 9)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def studies(draw: st.DrawFn) -> Any:
    """The study with some places of its tree replaced, removed or added to."""
    study = json.loads(json.dumps(STUDY))
    for _ in range(draw(st.integers(1, 3))):
        node: Any = study
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(node[key], dict | list) and draw(st.booleans()):
                node = node[key]
                continue
            node[key] = draw(VALUES)
            break
    return study


def check_study(path: Path) -> None:
    refused = refusal(lambda: load_file(path))
    assert refused is None or refused.startswith(str(path))


def test_a_study_with_strange_values_is_valid_or_refused(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "fuzzed.yaml"

    @settings(max_examples=1500, deadline=None)
    @given(studies())
    def check(study: Any) -> None:
        path.write_text(yaml.safe_dump(study))
        check_study(path)

    check()


def test_a_damaged_study_file_is_valid_or_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "fuzzed.yaml"
    whole = yaml.safe_dump(STUDY).encode()

    @settings(max_examples=800, deadline=None)
    @given(damages())
    def check(damage: Callable[[bytes], bytes]) -> None:
        path.write_bytes(damage(whole))
        check_study(path)

    check()


@settings(max_examples=500, deadline=None)
@given(damages())
def test_a_damaged_definition_of_a_cell_is_refused(damage: Callable[[bytes], bytes]) -> None:
    text = damage(canonical(CELL).encode()).decode(errors="replace")
    try:
        found = from_canonical(text)
    except EmcError:
        return
    assert isinstance(found, Cell)
