"""The page of names is as fresh as the registries and the studies that use them."""

import re
from pathlib import Path

import pytest
from tests.synthetic import edit_document, write_study

from emc.cli.registry import KINDS, write_registry
from emc.study.identity import from_canonical
from emc.study.load import load_file

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/registry.md"
REMEDY = "python scripts/registry.py --output docs/registry.md"


def made(folder: Path, page: str, results: Path) -> str:
    output = folder / "registry.md"
    output.write_text(page)
    write_registry(output, ROOT / "config", results)
    return output.read_text()


def test_the_kept_page_is_fresh(tmp_path: Path) -> None:
    page = PAGE.read_text()
    assert made(tmp_path, page, tmp_path / "none") == page, f"{PAGE} is stale, run: {REMEDY}"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_every_name_has_a_row_and_nearly_every_one_a_cell(kind) -> None:
    (part,) = re.findall(rf"## {kind.title}\n\n(.*?)(?:\n\n|\Z)", PAGE.read_text(), re.DOTALL)
    rows = re.findall(r"\| `(.*?)` \| (.*?)\|", part)
    assert [name for name, _ in rows] == list(kind.names)
    without = {name for name, cell in rows if not cell.strip()}
    assert without <= {"imagenet", "image-folder", "csv", "parquet"}


def test_answers_are_those_of_the_results_and_else_kept(tmp_path: Path) -> None:
    planned = load_file(ROOT / "config/paper-small.yaml").cells[:3]
    cells = [from_canonical(one.definition) for one in planned]
    study = write_study(tmp_path, cells, probes=5)
    for one, saturated in zip(planned[:2], (False, True), strict=True):
        answer = {"emc50": 123.4, "low": 100.0, "high": 150.0, "saturated": saturated}
        edit_document(study.results.cell(one.id).estimate, answer)
    unknown = study.results.cell(planned[2].id).estimate
    edit_document(unknown, {"emc50": None, "low": 100.0, "high": None})
    rows = set(made(tmp_path, "", study.results.root).splitlines())
    row = f"| `relu` | `{planned[0].id}` | 123 [100, 150], 5 probes, native |"
    assert row in rows
    again = made(tmp_path, "\n".join(rows), tmp_path / "none")
    assert row in again
