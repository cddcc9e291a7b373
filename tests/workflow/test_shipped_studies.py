"""The studies in config/: each is valid, and those of the paper have pairs for its findings."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from emc.findings.association import Association
from emc.findings.claims import CLAIMS
from emc.findings.material import Material
from emc.store.plan import plan_row
from emc.study import load_file
from emc.study.yaml_file import read

CONFIG = Path(__file__).parents[2] / "config"
STUDIES = sorted(CONFIG.glob("*.yaml"))
SECTIONS = list(read(CONFIG / "paper.yaml")["sections"])
BEYOND_SMALL = {"tabular-over-images"}
"""No tabular data set comes with an installed package."""

MEASURES = ("emc50", "per_parameter", "per_trainable", "per_bit")
ANSWERED = {name: pl.lit(1.0) for name in (*MEASURES, "low", "high")} | {
    name: pl.lit(value=False) for name in ("below_smallest", "saturated", "open_matters")
}


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.name)
def test_it_is_valid_and_named_as_its_file(file: Path) -> None:
    plan = load_file(file)
    assert plan.cells
    assert plan.name == ("mine" if file.name == "config.yaml" else file.stem)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_paper_has_a_file_of_its_own(section: str) -> None:
    content = read(CONFIG / f"paper-{section}.yaml")
    assert (content["part_of"], content["sections"]) == ("paper.yaml", [section])


def test_the_small_paper_is_of_the_same_design() -> None:
    small = [name for name in read(CONFIG / "paper-small.yaml")["sections"] if name != "protocols"]
    assert small == [name for name in SECTIONS if name != "datasets"]


@pytest.mark.parametrize("study", ["paper-small", "smooth"])
def test_studies_for_two_cores_need_no_network(study: str) -> None:
    data = {planned.cell.dataset.name for planned in load_file(CONFIG / f"{study}.yaml").cells}
    assert data == {"digits", "mnist-5k", "gaussian"}


def test_nets_of_the_smooth_study_are_smooth() -> None:
    cells = [planned.cell for planned in load_file(CONFIG / "smooth.yaml").cells]
    assert {cell.architecture.name for cell in cells} == {"linear", "mlp"}
    assert {cell.activation for cell in cells} == {"identity", "tanh", "sigmoid"}


@pytest.mark.parametrize(
    ("study", "missing"), [("paper.yaml", set()), ("paper-small.yaml", BEYOND_SMALL)]
)
def test_every_finding_has_cells_that_bear_on_it(study: str, missing: set[str]) -> None:
    plan = load_file(CONFIG / study)
    cells = pl.DataFrame(
        [plan_row(planned) for planned in plan.cells], infer_schema_length=None
    ).with_columns(**ANSWERED)
    budgets = cells.filter(pl.col("schedule") == "constant").select(
        "cell", "emc50", "saturated", "below_smallest", budget=pl.lit(1024)
    )
    no_gaps = Association(*[np.zeros(0)] * 4, pairs=0, unknown=0)  # type: ignore[misc, arg-type]
    compared = [claim for claim in CLAIMS if claim.finding != 4]
    numbers = Material(cells, budgets, no_gaps)
    found = {claim.name: claim.gather(numbers) for claim in compared}
    assert {name for name, pairs in found.items() if not pairs.pairs} == missing
    tested = {(one.cell.architecture.name, one.cell.activation) for one in plan.generalised}
    assert tested == {(net, own) for net in ("mlp", "cnn") for own in ("relu", "tanh")}
