"""Commands that messages and documents tell a user to run do run."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, write_cell, write_dataset

from emc.cli.boundary import guarded
from emc.cli.main import app
from emc.records import Failure
from emc.store.columns import CELLS
from emc.store.failures import write_failure
from emc.store.layout import Results
from emc.store.plan import plan_row
from emc.store.tables import write_table
from emc.study import load_file
from emc.warehouse import build

ROOT = Path(__file__).parents[3]
COMMAND = re.compile(r"(?:`|<code>|^ {4}|^ {2}|\n {2})((?:emc|snakemake) [^`<\n#]+)", re.MULTILINE)
DOCUMENTS = [ROOT / "README.md", ROOT / "config/README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {"run", "init", "resources"}
"""They measure, or want more finished cells: tests of their own run them."""


def messages() -> Iterator[str]:
    """All texts of the program but docstrings, what is inserted being STUDY or CELL."""
    for file in sorted((ROOT / "workflow/emc").rglob("*.py")):
        tree = ast.parse(file.read_text())
        parts = {id(part) for node in ast.walk(tree) for part in getattr(node, "values", [])}
        parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                yield "".join(map(_part, node.values))
            elif isinstance(node, ast.Constant) and id(node) not in parts:
                yield str(node.value).replace("%s", "CELL")


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    source = ast.unparse(part)
    return "STUDY" if any(word in source for word in ("file", "study", "name")) else "CELL"


def commands(program: str) -> list[str]:
    """Those of messages; of documents, which also speak of commands, those with arguments."""
    documents = [document.read_text() for document in DOCUMENTS]
    found = [match[1] for text in messages() for match in COMMAND.finditer(text)]
    found += [m[1] for text in documents for m in COMMAND.finditer(text) if len(m[1].split()) > 2]
    return sorted({each.strip() for each in found if each.split()[0] == program})


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A study with a database and, beside one that finished, a failed cell, whose id this is."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(
        "study: s\ndefaults: {dataset: mnist-5k, labels: random}\nsections: {a: {grid: {"
        "architecture: [{name: mlp, width: 2}, {name: mlp, width: 4}]}}}"
    )
    done, failed = load_file(Path("s.yaml")).cells
    results = Results(Path("results"))
    write_dataset(results, done.cell.dataset)
    write_cell(results, done.id, done.cell)
    fault = Failure(failed.id, "measure", "a reason", ())
    write_failure(results.cell(failed.id).failure("measure"), fault)
    files = results.study("s")
    write_table(files.cells, CELLS, map(plan_row, (done, failed)))
    build(files.database, files.cells, results, SETTINGS)
    return failed.id


@pytest.mark.parametrize(
    "command", [one for one in commands("emc") if one.split()[1] not in ELSEWHERE]
)
def test_commands_of_messages_and_documents_run(command: str, cell: str) -> None:
    study = re.compile(r"STUDY|A|B|[\w/-]+\.yaml")
    meant = ["s.yaml" if study.fullmatch(word) else word for word in shlex.split(command)[1:]]
    if meant[0] in {"show", "retry"}:
        ids = re.compile(r"CELL|(digits|mnist-5k)-[\w-]+")
        meant = [cell if ids.fullmatch(word) else word for word in meant]
    lists_only = meant == ["retry", "s.yaml"]
    assert guarded(lambda: app(meant, standalone_mode=False)) == (2 if lists_only else 0)


@pytest.mark.parametrize("command", commands("snakemake"))
def test_snakemake_knows_the_options_it_is_given(command: str) -> None:
    from snakemake.cli import get_argument_parser  # type: ignore[import-untyped]

    parsed = get_argument_parser().parse_args(shlex.split(command)[1:])
    assert parsed is not None
