"""The document of what jobs may ask a cluster for."""

import json
from pathlib import Path
from typing import Any

import pytest

from emc.errors import FileError
from emc.records import Law
from emc.store.resources import Resources, read_resources, write_resources

LAW = Law(level=-1.5, power=0.7, typical=300.0, factor=2.5, learnt_from=12)
KNOWN = Resources(
    {"measure": {"runtime": LAW}, "certify": {}},
    {"runtime": 600, "mem_mb": 8000},
    {"a": {"runtime": 12.5, "mem_mb": 150.0}},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "resources.json"
    assert read_resources(path) is None
    write_resources(path, KNOWN)
    assert read_resources(path) == KNOWN


def law(**changed: Any) -> dict[str, Any]:
    entries = {"level": 0, "power": 1, "typical": 9, "factor": 2, "learnt_from": 5, **changed}
    return {"laws": {"measure": {"runtime": entries}}, "limits": {}, "expected": {}}


def expecting(amount: Any) -> dict[str, Any]:
    return {"laws": {}, "limits": {}, "expected": {"a": {"runtime": amount}}}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"laws": []},
        {"laws": {}},
        {"laws": {"measure": 3}, "limits": {}},
        {"laws": {"measure": {"runtime": {}}}, "limits": {}},
        {"laws": {}, "limits": {"runtime": 0}},
        {"laws": {}, "limits": {"runtime": True}},
        {"laws": {}, "limits": {"runtime": "many"}},
        law(level=float("nan")),
        law(level=True),
        law(learnt_from=2.5),
        law(factor="2"),
        law(power=float("inf")),
        law(typical=0),
        law(factor=0.9),
        law(factor=float("inf")),
        law(learnt_from="some"),
        law(learnt_from=float("inf")),
        {"laws": {}, "limits": {"runtime": 10**400}},
        {"laws": {}, "limits": {}},
        expecting(0),
        expecting("soon"),
        expecting(float("inf")),
        expecting(float("nan")),
        expecting(None),
        [],
    ],
)
def test_a_damaged_document_is_told_with_what_remakes_it(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "resources.json"
    path.write_text(json.dumps(document))
    with pytest.raises(FileError, match=r"resources\.json: .*`emc resources STUDY` remakes it"):
        read_resources(path)


def test_half_a_document(tmp_path: Path) -> None:
    path = tmp_path / "resources.json"
    write_resources(path, KNOWN)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(FileError, match="damaged"):
        read_resources(path)
