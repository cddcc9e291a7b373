"""The JSON schema: as fresh as the models, and of one mind with the loader."""

import json
import re
import runpy
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from jsonschema import Draft202012Validator
from tests.unit.study.strategies import raw_cells

from emc.study import load_file
from emc.study.presets import PRESETS
from emc.study.schema import schema

ROOT = Path(__file__).parents[3]
KEPT = Path("workflow/schemas/study.schema.json")
REMEDY = f"python scripts/schema.py --output {KEPT}"
STUDIES = sorted((ROOT / "config").glob("*.yaml"))
NAMES_SAID_ELSEWHERE = {"name"}
"""The name of an entry is described by the entry itself."""


class EditorsYaml(yaml.SafeLoader):
    """Numbers as YAML 1.2 has them, which editors read: 3e3 is one."""


EditorsYaml.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("+-0123456789")
)


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def study(**keys: Any) -> dict[str, Any]:
    return {"study": "s", "sections": {"a": {"cells": [{"seed": 1}]}}, **keys}


def test_the_kept_schema_is_fresh(tmp_path: Path) -> None:
    made = tmp_path / "made.json"
    runpy.run_path(str(ROOT / "scripts/schema.py"))["run"](Namespace(output=made))
    assert made.read_bytes() == (ROOT / KEPT).read_bytes(), f"{KEPT} is stale, run: {REMEDY}"


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.name)
def test_every_study_is_valid(file: Path, validator: Draft202012Validator) -> None:
    validator.validate(yaml.load(file.read_text(), EditorsYaml))
    assert load_file(file).cells


def test_studies_are_found() -> None:
    assert {"demo.yaml", "tiny.yaml", "known-answers.yaml"} <= {file.name for file in STUDIES}


def test_every_key_is_described() -> None:
    made = schema()
    models = {"Study": made, **made["$defs"]}
    missing = [
        f"{name}.{key}"
        for name, model in models.items()
        for key, value in model.get("properties", {}).items()
        if key not in NAMES_SAID_ELSEWHERE and "description" not in value
    ]
    assert missing == []
    assert [name for name, model in models.items() if not model.get("description")] == ["Part"]


def test_bounds_are_standard_keywords() -> None:
    text = json.dumps(schema())
    assert not re.search(r'"(ge|gt|le|lt)":', text)
    assert schema()["$defs"]["CertificateSettings"]["properties"]["delta"]["exclusiveMaximum"] == 1


@settings(max_examples=40)
@given(raw_cells)
def test_every_cell_is_valid_as_part_and_in_a_grid(
    validator: Draft202012Validator, raw: dict[str, Any]
) -> None:
    grid = {key: [value] for key, value in raw.items()}
    sections = {"a": {"cells": [raw], "grid": raw, "exclude": [raw]}, "b": {"grid": grid}}
    validator.validate(study(defaults=raw, presets={"p": raw}, sections=sections))


@pytest.mark.parametrize(
    "part",
    [
        {"optimizer.lr": 0.1},
        {"labels": {"noisy": 0.2}},
        {"labels": {"classes": 2}},
        {"schedule": "cosine"},
        {"search": "ladder"},
        {"preset": "mine"},
        *PRESETS.values(),
    ],
    ids=str,
)
def test_short_forms_are_valid(part: dict[str, Any], validator: Draft202012Validator) -> None:
    validator.validate(study(defaults=part, sections={"a": {"grid": part}, "b": {"cells": [part]}}))


@pytest.mark.parametrize(
    "part",
    [
        {"sede": 1},
        {"seed": -1},
        {"seed": "one"},
        {"seed": 1.5},
        {"criterion": 2},
        {"optimizer": "sdg"},
        {"optimizer": {"lr": 1}},
        {"optimizer": {"name": "sgd", "lrr": 1}},
        {"optimizer": {"name": "sgd", "lr": []}},
        {"optimizer": {"name": "sgd", "momentum": 1}},
        {"optimizr.lr": 1},
        {"seed.x": 1},
        {"labels": {"noisy": "much"}},
        {"activation": "rellu"},
        {"architecture": {"name": "mlp", "width": 0}},
        {"preset": 1},
    ],
    ids=str,
)
def test_faults_are_found_everywhere(part: dict[str, Any], validator: Draft202012Validator) -> None:
    places: list[dict[str, Any]] = [
        {"defaults": part},
        {"presets": {"p": part}},
        {"sections": {"a": {"grid": part}}},
        {"sections": {"a": {"cells": [part]}}},
        {"sections": {"a": {"include": [part]}}},
        {"sections": {"a": {"exclude": [part]}}},
    ]
    assert [place for place in places if validator.is_valid(study(**place))] == []


@pytest.mark.parametrize(
    "keys",
    [
        {"study": "A b"},
        {"study": "a" * 61},
        {"sectons": {}},
        {"sections": {}},
        {"sections": {"A b": {"cells": []}}},
        {"sections": {"a": {"gird": {}}}},
        {"sections": {"a": {"exclude": [{}]}}},
        {"sections": {"a": {"grid": {"seed": []}}}},
        {"presets": {"A b": {}}},
        {"certificate": {"eps": 0}},
        {"title": 3},
    ],
    ids=str,
)
def test_faults_of_a_study_are_found(keys: dict[str, Any], validator: Draft202012Validator) -> None:
    assert not validator.is_valid(study(**keys))
