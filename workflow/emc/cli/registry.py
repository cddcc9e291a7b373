"""Write the page of everything that a study can name, with a cell of each that was measured."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

from emc.activations import ACTIVATIONS
from emc.measurement.state import read_estimate
from emc.records import Estimate, told_end, told_number
from emc.store.atomic import write_text_atomically
from emc.store.layout import Results
from emc.study import PlannedCell, load_file
from emc.study.architectures import FAMILIES
from emc.study.cell import Cell
from emc.study.datasets import DATA_SETS
from emc.study.factors import levels
from emc.study.labels import Labels
from emc.study.optimizers import OPTIMIZERS
from emc.study.parameterisation import ParameterisationChoice
from emc.study.search import Search
from emc.study.training import Loss, Schedule

_HEAD: Final = """# Everything that a study can name

Made by `python scripts/registry.py --output docs/registry.md`, which fills in what `results/` has;
[config/README.md](../config/README.md) says what each name means. The cell is the first of
[paper-small.yaml](../config/paper-small.yaml), or else of
[datasets.yaml](../config/datasets.yaml) or [paper.yaml](../config/paper.yaml), that uses the name.
EMC is its emc50 with the 95 % interval, from how many probes and trained by which back end; "more
than" where the data ended first, and nothing where it was not measured yet."""


class _Kind(NamedTuple):
    title: str
    column: str
    names: Sequence[str]


def _arms(union: Any) -> list[str]:
    return [
        get_args(arm.model_fields["name"].annotation)[0] for arm in get_args(get_args(union)[0])
    ]


def _choices(model: Any, field: str) -> tuple[str, ...]:
    return get_args(model.model_fields[field].annotation)


KINDS: Final = (
    _Kind("Data sets", "dataset", DATA_SETS),
    _Kind("Labellings", "labels", _arms(Labels)),
    _Kind("Architectures", "architecture", list(FAMILIES)),
    _Kind("Activations", "activation", list(ACTIVATIONS)),
    _Kind("Initialisations", "initialisation", _choices(Cell, "initialisation")),
    _Kind("Parameterisations", "parameterisation", _arms(ParameterisationChoice)),
    _Kind("Optimizers", "optimizer", OPTIMIZERS),
    _Kind("Schedules", "schedule", _choices(Schedule, "name")),
    _Kind("Losses", "loss", _choices(Loss, "name")),
    _Kind("Searches", "method", _choices(Search, "method")),
)


def write_registry(output: Path, config: Path, results: Path) -> None:
    """A Markdown page; answers that are not in `results` are kept where the cell is the same."""
    kept = _answers(output.read_text()) if output.exists() else {}
    cells = [
        planned
        for study in ("paper-small.yaml", "datasets.yaml", "paper.yaml")
        for planned in load_file(config / study).cells
    ]
    rows = [(planned, levels(planned.cell)) for planned in cells]
    parts = [_HEAD]
    for kind in KINDS:
        parts += [f"\n## {kind.title}\n", "| name | cell | EMC |", "| --- | --- | --- |"]
        for name in kind.names:
            user = next((one for one, found in rows if found[kind.column] == name), None)
            parts.append(_row(name, user, Results(results), kept))
    write_text_atomically(output, "\n".join(parts) + "\n")


def _row(name: str, user: PlannedCell | None, results: Results, kept: dict[str, str]) -> str:
    if user is None:
        return f"| `{name}` | | |"
    files = results.cell(user.id)
    answer = _answer(read_estimate(files)) if files.estimate.exists() else kept.get(user.id)
    return f"| `{name}` | `{user.id}` | {answer} |" if answer else f"| `{name}` | `{user.id}` | |"


def _answer(found: Estimate) -> str:
    emc50 = told_number(found.emc50, 3)
    told = (
        f"more than {emc50}"
        if found.saturated
        else f"{emc50} [{told_end(found.low, 3)}, {told_end(found.high, 3)}]"
    )
    return f"{told}, {found.probes} probes, {found.back_end}"


def _answers(page: str) -> dict[str, str]:
    """What a page says of each cell."""
    return dict(re.findall(r"\| `([^`]+)` \| ([^|]+) \|$", page, re.MULTILINE))
