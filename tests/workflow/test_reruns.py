"""What a change makes Snakemake run again, and what it leaves alone."""

import os

import pytest
from tests.workflow.checkout import Checkout

# Not marked slow, so that `make test` runs one study to its page, and dry runs after it.
pytestmark = pytest.mark.workflow

TINY = "config/tiny.yaml"
FROM_DATABASE = dict.fromkeys(("export", "figures", "findings", "report", "complete"), 1)
DOWNSTREAM = {"plan": 1, "aggregate": 1, **FROM_DATABASE}


def test_a_run_ends_with_figures_and_a_page(measured: Checkout) -> None:
    study = measured.folder / "results/studies/tiny"
    assert (study / "index.html").stat().st_size > 10_000
    figures = {path.suffix for path in (study / "figures").iterdir()}
    assert figures >= {".html", ".json", ".svg", ".png"}


def test_a_second_run_has_nothing_to_do(measured: Checkout) -> None:
    assert not measured.planned(TINY)


def test_changing_one_cells_optimizer_reruns_that_cells_chain(changeable: Checkout) -> None:
    changeable.edit(TINY, "{name: adam, lr: 0.03}", "{name: adam, lr: 0.02}")
    assert changeable.planned(TINY) == {"measure": 1, "certify": 1, **DOWNSTREAM}


def test_adding_a_cell_adds_one(changeable: Checkout) -> None:
    changeable.edit(
        TINY, "{name: adam, lr: 0.03}", "{name: adam, lr: 0.03}, {name: adamw, lr: 0.03}"
    )
    assert changeable.planned(TINY) == {"measure": 1, "certify": 1, **DOWNSTREAM}


@pytest.mark.parametrize(
    ("before", "after", "chain"),
    [
        ("{name: adam, lr: 0.03}", "{name: adam, lr: 0.02}", {"measure": 1, "certify": 1}),
        ("[sgd, {name: adam, lr: 0.03}]", "[sgd]", {}),
        ("  mlp:", "  perceptron:", {}),
    ],
    ids=["another cell", "a cell less", "another section"],
)
def test_a_study_that_is_exchanged_for_an_older_file_is_planned_anew(
    changeable: Checkout, before: str, after: str, chain: dict[str, int]
) -> None:
    changeable.edit(TINY, before, after)
    os.utime(changeable.folder / TINY, (1e9, 1e9))
    assert changeable.planned(TINY) == {**chain, **DOWNSTREAM}


def test_a_study_that_asks_for_the_same_is_not_planned_anew(changeable: Checkout) -> None:
    text = (changeable.folder / TINY).read_text()
    (changeable.folder / TINY).write_text(f"# a remark\n{text}")
    os.utime(changeable.folder / TINY, (1e9, 1e9))
    assert not changeable.planned(TINY)


@pytest.mark.parametrize("kind", ["css", "html", "js"])
def test_a_change_of_the_pages_looks_writes_it_again(changeable: Checkout, kind: str) -> None:
    asset = next((changeable.folder / "workflow/emc/report/assets").glob(f"*.{kind}"))
    asset.write_text(asset.read_text() + "\n")
    assert changeable.planned(TINY) == {"report": 1, "complete": 1}


def test_recolouring_a_figure_retrains_nothing(changeable: Checkout) -> None:
    theme = changeable.folder / "workflow/emc/figures/theme.py"
    theme.write_text(theme.read_text() + "\n# another colour\n")
    planned = changeable.planned(TINY)
    assert planned["figures"] == 1
    assert not {"measure", "certify", "aggregate", "dataset"} & set(planned)


def test_other_certificate_settings_train_nothing(changeable: Checkout) -> None:
    file = changeable.folder / TINY
    file.write_text(file.read_text() + "certificate: {eps: 0.01}\n")
    planned = changeable.planned(TINY)
    assert planned["certify"] == 3
    assert "measure" not in planned


def test_a_fresh_checkouts_times_rerun_nothing(changeable: Checkout) -> None:
    for part in ("Snakefile", "config", "scripts", "workflow", "profiles"):
        root = changeable.folder / part
        for path in [root, *root.rglob("*")]:
            os.utime(path)
    assert not changeable.planned(TINY)


def test_two_studies_share_a_cells_files(changeable: Checkout) -> None:
    other = changeable.folder / "config/other.yaml"
    other.write_text((changeable.folder / TINY).read_text().replace("study: tiny", "study: other"))
    assert changeable.planned("config/other.yaml") == DOWNSTREAM


def test_a_data_set_that_is_made_again_measures_nothing_again(changeable: Checkout) -> None:
    (changeable.folder / "results/data/digits/tensors.safetensors").unlink()
    assert not changeable.planned(TINY)
    file = changeable.folder / TINY
    cells = file.read_text().split("    cells:\n")[1]
    file.write_text(file.read_text() + cells.replace("width: 4", "width: 5"))
    assert changeable.planned(TINY) == {"dataset": 1, "measure": 1, "certify": 1, **DOWNSTREAM}


def test_an_end_point_that_is_made_again_is_certified_and_told(changeable: Checkout) -> None:
    first = min((changeable.folder / "results/cells").glob("*/endpoints.safetensors"))
    first.write_bytes(first.read_bytes() + b"\n")  # of the same content it would change nothing
    assert changeable.planned(TINY) == {"certify": 1, "aggregate": 1, **FROM_DATABASE}


@pytest.mark.parametrize("name", ["probes.parquet", "estimate.json", "certificate-*.parquet"])
@pytest.mark.parametrize("made_last", ["emc.duckdb", "complete.txt"])
def test_a_file_that_is_gone_is_made_again_with_what_hangs_on_it(
    changeable: Checkout, name: str, made_last: str
) -> None:
    (changeable.folder / "results/studies/tiny" / made_last).unlink()
    min((changeable.folder / "results/cells").glob(f"*/{name}")).unlink()
    chain = {"certify": 1} if name.startswith("certificate") else {"measure": 1, "certify": 1}
    assert changeable.planned(TINY) == {**chain, "aggregate": 1, **FROM_DATABASE}


def test_a_certificate_that_is_missing_asks_for_the_data_set(changeable: Checkout) -> None:
    (changeable.folder / "results/data/digits/tensors.safetensors").unlink()
    (changeable.folder / "results/studies/tiny/complete.txt").unlink()
    min((changeable.folder / "results/cells").glob("*/certificate-*.parquet")).unlink()
    planned = changeable.planned(TINY)
    assert planned == {"dataset": 1, "certify": 1, "aggregate": 1, **FROM_DATABASE}


def test_gpus_on_the_command_line_are_understood(measured: Checkout) -> None:
    said = measured.snakemake(TINY, "--resources", "gpu=4", "--dry-run")
    assert "Nothing to be done" in said


def test_an_interrupted_figure_run_does_not_touch_measurements(changeable: Checkout) -> None:
    (changeable.folder / "results/studies/tiny/emc.duckdb").unlink()
    planned = changeable.planned(TINY)
    assert planned == {"aggregate": 1, **FROM_DATABASE}
