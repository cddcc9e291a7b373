"""The document of a machine's pace."""

import json
from pathlib import Path
from typing import Any

import pytest

from emc.errors import FileError, MachineError
from emc.records import Pace
from emc.store.cache import cache_folder
from emc.store.paces import paces_file, read_paces, write_paces

PACE = Pace(
    985,
    work=962.0,
    training=9e-8,
    together=8.0,
    gradients=1.0,
    finishing=5e-7,
    passing=1e-5,
    starting=0.9,
    megabytes=130.0,
)
ENTRIES = {
    "parameters": 985,
    "work": 962.0,
    "training": 9e-8,
    "together": 8.0,
    "gradients": 1.0,
    "finishing": 0,
    "passing": 0,
    "starting": 0.9,
    "megabytes": 130.0,
}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "paces.json"
    assert read_paces(path) == {}
    write_paces(path, {"a kind": (PACE, PACE), "another": ()})
    assert read_paces(path) == {"a kind": (PACE, PACE), "another": ()}


def test_each_machine_has_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMC_CACHE_DIR", str(tmp_path))
    first, second = paces_file("one processor"), paces_file("another")
    assert first != second
    assert first == paces_file("one processor")
    assert first.parent == tmp_path


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"a": 3},
        {"a": [{}]},
        {"a": [{**ENTRIES, "parameters": 0}]},
        {"a": [{**ENTRIES, "training": -1}]},
        {"a": [{**ENTRIES, "work": 0}]},
        {"a": [{**ENTRIES, "training": "fast"}]},
        {"a": [{**ENTRIES, "training": "0.5"}]},
        {"a": [{**ENTRIES, "training": True}]},
        {"a": [{**ENTRIES, "parameters": 1.5}]},
        {"a": [{**ENTRIES, "megabytes": float("inf")}]},
        {"a": [{**ENTRIES, "colour": 1}]},
    ],
)
def test_a_damaged_document_is_told_with_what_remakes_it(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "paces.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match=r"paces\.json: .*`emc plan STUDY --calibrate` remakes it"):
        read_paces(path)


def test_a_cache_without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EMC_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)

    def no_home() -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(MachineError, match="no home directory for a cache: set EMC_CACHE_DIR"):
        cache_folder()
