"""The study author's manual says what is so: every key, every default, every example."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from tests.unit.study.files import planned

from emc.activations import ACTIVATIONS
from emc.study import Cell, Study
from emc.study.architectures import Architecture
from emc.study.certificate import CertificateSettings
from emc.study.datasets import DataSet
from emc.study.labels import Labels
from emc.study.models import Generalisation, Section
from emc.study.optimizers import Optimizer
from emc.study.parameterisation import ParameterisationChoice, Subspace
from emc.study.presets import PRESETS
from emc.study.search import Search
from emc.study.training import Batch, Budget, Finish, Loss, Schedule, Stopping

ROOT = Path(__file__).parents[3]
MANUAL = (ROOT / "config" / "README.md").read_text()
EXAMPLES = re.findall(
    r"```yaml\n(.*?)```", MANUAL + (ROOT / "README.md").read_text(), flags=re.DOTALL
)


def arms(union: Any) -> list[Any]:
    return list(get_args(get_args(union)[0]))


UNIONS = (DataSet, Labels, Architecture, ParameterisationChoice, Optimizer)
ENTRIES = [arm for union in UNIONS for arm in arms(union)]
PARTS = [
    Batch,
    Budget,
    CertificateSettings,
    Finish,
    Generalisation,
    Loss,
    Schedule,
    Search,
    Section,
    Stopping,
    Study,
]


def tables() -> list[list[str]]:
    """The cells of all table rows."""
    rows = (line for line in MANUAL.splitlines() if line.startswith("| `"))
    return [[word.strip() for word in row.strip("|").split(" | ")] for row in rows]


def test_examples_are_found() -> None:
    assert len(EXAMPLES) >= 2


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_a_study(example: str, tmp_path: Path) -> None:
    assert planned(tmp_path, example)


def test_the_first_example_has_the_cells_that_its_comments_count(tmp_path: Path) -> None:
    sections = [one.sections[0] for one in planned(tmp_path, EXAMPLES[0])]
    assert sections == ["optimizers"] * (3 * 2 * 2 - 2) + ["noise"] * 2


@pytest.mark.parametrize("model", [Cell, *ENTRIES, *PARTS], ids=lambda model: model.__name__)
def test_every_key_is_there(model: type[Cell]) -> None:
    keys = [key for key in model.model_fields if key not in {"name", "sections"}]
    missing = [key for key in keys if not re.search(rf"[`.{{ ]{key}\b", MANUAL)]
    assert missing == []


def test_every_name_is_there() -> None:
    names = [get_args(arm.model_fields["name"].annotation)[0] for arm in ENTRIES]
    names += [*ACTIVATIONS, *PRESETS]
    names += [
        name
        for model, field in (
            (Search, "method"),
            (Search, "aim"),
            (Batch, "order"),
            (Schedule, "name"),
            (Loss, "name"),
            (Subspace, "projection"),
        )
        for name in get_args(model.model_fields[field].annotation)
    ]
    missing = [name for name in names if not re.search(rf"[`{{ ]{name}[`,:}}]", MANUAL)]
    assert missing == []


def test_defaults_of_the_keys_of_a_cell() -> None:
    cell = Cell.model_validate(
        {"dataset": "digits", "architecture": {"name": "mlp", "width": 1}}
    ).model_dump()
    said = {row[0].strip("`"): row[1] for row in tables() if len(row) == 3 and row[1][:1] in "`"}
    told = {
        key: yaml.safe_load(value.strip("`"))
        for key, value in said.items()
        if value and key.split(".")[0] in Cell.model_fields
    }
    for key, value in told.items():
        found: Any = cell
        for word in key.split("."):
            found = found[word]
        found = found["name"] if isinstance(found, dict) else found
        assert found == (float(value) if isinstance(found, float) else value), key
    assert {key.split(".")[0] for key in told} == {*Cell.model_fields} - {"dataset", "architecture"}


def test_defaults_of_the_optimizers() -> None:
    for arm in arms(Optimizer):
        made = arm(name=get_args(arm.model_fields["name"].annotation)[0])
        (row,) = (row for row in tables() if row[0].startswith(f"`{made.name}`"))
        assert tuple(map(float, row[1].split(","))) == made.lr
        stated = dict(re.findall(r"`(\w+)` \(([^)]*)\)", row[2]))
        assert ("weight_decay" in stated) == hasattr(made, "weight_decay")
        for key, text in stated.items():
            assert yaml.safe_load(text.replace("1e-", "1.0e-")) == getattr(made, key), key
