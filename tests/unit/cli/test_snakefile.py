"""What rules ask of a study: which files jobs take, and what is said of ids that it lacks."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import emc
from emc.cli.snakefile import Asked, code_of, ending_on_errors, given, read_study, results_of
from emc.errors import EmcError
from emc.jobs.cards import CELLS_PER_JOB, JOBS_PER_DEVICE
from emc.measurement import device_choice
from emc.measurement.resources import UNKNOWN
from emc.study import load_file
from emc.study.identity import dataset_id, plan_id

STUDY = """
study: small
{title}
generalisation: {{seeds: 3, sections: [tested]}}
defaults: {{architecture: {{name: mlp, width: 4}}}}
sections:
  tested: {{cells: [{{dataset: digits}}]}}
  other: {{cells: [{{dataset: {{name: gaussian, dimension: 8, samples: 40}}, labels: random}}]}}
"""


@pytest.fixture
def asked(tmp_path, monkeypatch) -> Asked:
    """A study of two cells, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(STUDY.format(title="title: 'EMC of {relu}'"))
    return Asked(load_file(Path("small.yaml")), None, stored=False)


def made(*files: str) -> None:
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()


def test_a_cell_asks_for_its_data_until_all_of_its_outputs_are_there(asked):
    for cell, planned in asked.cells.items():
        tensors = [f"results/data/{dataset_id(planned.cell.dataset)}/tensors.safetensors"]
        assert asked.data_to_measure(cell) == tensors
        made(f"results/cells/{cell}/probes.parquet", f"results/cells/{cell}/estimate.json")
        assert asked.data_to_measure(cell) == tensors
        made(f"results/cells/{cell}/endpoints.safetensors")
        assert asked.data_to_measure(cell) == []


@pytest.mark.parametrize(
    ("ask", "after", "output"),
    [
        (Asked.data_to_certify, "endpoints.safetensors", "certificate-0a1b2c3d.parquet"),
        (Asked.data_to_test, "estimate.json", "generalisation-0a1b2c3d.parquet"),
    ],
)
def test_later_jobs_ask_for_data_between_what_they_follow_and_their_output(
    asked, ask, after, output
):
    cell = next(iter(asked.cells))
    assert ask(asked, cell, "0a1b2c3d") == []
    made(f"results/cells/{cell}/{after}")
    assert len(ask(asked, cell, "0a1b2c3d")) == 1
    made(f"results/cells/{cell}/{output}")
    assert ask(asked, cell, "0a1b2c3d") == []


def test_files_of_all_cells_are_named(asked):
    folders = [f"results/cells/{cell}" for cell in asked.cells]
    certificate = f"certificate-{asked.settings_id}.parquet"
    assert asked.estimates == [f"{folder}/estimate.json" for folder in folders]
    assert asked.certificates == [f"{folder}/{certificate}" for folder in folders]
    assert asked.generalisation == [f"{folders[0]}/generalisation-3.parquet"]
    assert asked.manifests == [f"results/data/{name}/manifest.json" for name in asked.datasets]


def test_files_are_missing_only_where_a_later_one_is_there(asked):
    first, second = asked.cells
    assert asked.missing_files == []
    made(f"results/cells/{first}/certificate-{asked.settings_id}.parquet")
    lost = ["probes.parquet", "estimate.json"]
    assert asked.missing_files == [f"results/cells/{first}/{name}" for name in lost]
    made(*asked.missing_files)
    assert asked.missing_files == []
    made("results/studies/small/emc.duckdb")
    lost.append(f"certificate-{asked.settings_id}.parquet")
    assert asked.missing_files == [f"results/cells/{second}/{name}" for name in lost]


@pytest.mark.parametrize(
    "ask",
    [
        lambda asked: asked.definition("none"),
        lambda asked: asked.data_to_measure("none"),
        lambda asked: asked.resources_of_job("measure", "mem_mb", "none", 1),
    ],
)
def test_a_cell_that_the_study_lacks_ends_the_run_with_one_message(asked, ask, capsys):
    with pytest.raises(SystemExit, match="2"):
        ask(asked)
    assert capsys.readouterr().err == (
        "error: results/cells/none: small.yaml has no cell 'none'; `emc plan small.yaml` lists"
        " its cells\n"
    )


@pytest.mark.parametrize("ask", [Asked.dataset_definition, Asked.preparation_minutes])
def test_so_does_a_data_set(asked, ask, capsys):
    with pytest.raises(SystemExit, match="2"):
        ask(asked, "none")
    names = ", ".join(asked.datasets)
    assert capsys.readouterr().err == (
        f"error: results/data/none: small.yaml has no data set 'none': expected {names}\n"
    )


def test_definitions_and_requests_are_those_of_the_cell(asked):
    cell, planned = next(iter(asked.cells.items()))
    assert asked.definition(cell) == planned.definition
    assert asked.resources_of_job("measure", "mem_mb", cell, 2) == 2 * UNKNOWN["mem_mb"]
    assert asked.plan == plan_id((one.definition, one.sections) for one in asked.study.cells)
    assert {asked.preparation_minutes(name) for name in asked.datasets} == {60}


def test_the_page_has_the_title_or_else_the_name(asked):
    assert asked.title == "EMC of {relu}"
    Path("small.yaml").write_text(STUDY.format(title=""))
    assert Asked(load_file(Path("small.yaml")), None, stored=False).title == "small"


def test_a_study_that_is_not_there_ends_the_run(tmp_path, capsys):
    with pytest.raises(SystemExit, match="2"):
        read_study({}, [tmp_path / "none.yaml"], examine=False, stored=False)
    assert capsys.readouterr().err == f"error: {tmp_path / 'none.yaml'}: no such study file\n"


def test_only_errors_that_a_user_can_mend_end_it_so(capsys):
    @ending_on_errors
    def fails(error: Exception) -> None:
        raise error

    with pytest.raises(KeyError, match="a bug"):
        fails(KeyError("a bug"))
    with pytest.raises(SystemExit, match="2"):
        fails(EmcError("a fault"))
    assert capsys.readouterr().err == "error: a fault\n"


def test_code_is_told_by_names_and_content_without_what_python_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr(emc, "__file__", str(tmp_path / "emc/__init__.py"))
    names = ("figures/b.py", "figures/__pycache__/b.pyc", "findings/a.py", "report/page.css")
    made(*(str(tmp_path / "emc" / name) for name in names))
    before = code_of("findings", "figures")
    for name in ("figures/__pycache__/b.pyc", "report/page.css"):
        (tmp_path / "emc" / name).write_text("changed")
    assert code_of("findings", "figures") == before
    (tmp_path / "emc/figures/b.py").rename(tmp_path / "emc/figures/c.py")
    renamed = code_of("findings", "figures")
    (tmp_path / "emc/findings/a.py").write_text("changed")
    assert len({before, renamed, code_of("findings", "figures")}) == 3


def test_a_job_works_in_the_results_folder_that_its_output_lies_in():
    assert results_of({}, ["results/cells/a/probes.parquet"]) == "results"
    assert results_of({}, ["store/fs/results/studies/s/emc.duckdb"]) == "store/fs/results"


def test_of_a_storage_all_files_are_named(asked):
    stored = replace(asked, stored=True)
    for cell, planned in stored.cells.items():
        folder = f"results/data/{dataset_id(planned.cell.dataset)}"
        both = [f"{folder}/tensors.safetensors", f"{folder}/manifest.json"]
        assert stored.data_to_measure(cell) == both
        assert stored.data_to_certify(cell, asked.settings_id) == both
        assert stored.data_to_test(cell, "3") == both
        names = ("probes.parquet", "estimate.json", f"certificate-{asked.settings_id}.parquet")
        files = [f"results/cells/{cell}/{name}" for name in names]
        assert set(files) <= set(stored.missing_files)


CONFIG = {
    "study": "given",
    "defaults": {"architecture": {"name": "mlp", "width": 4}},
    "sections": {"one": {"cells": [{"dataset": "digits"}]}},
}


def test_a_module_gives_a_study_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("other.yaml").write_text("samples: 3\n")
    asked = read_study(CONFIG, ["other.yaml"], examine=False, stored=False)
    assert asked.study.file == Path("results/studies/given/study.yaml")
    before = asked.study.file.stat().st_mtime_ns
    again = read_study(CONFIG, ["other.yaml"], examine=False, stored=False)
    assert [*again.cells] == [*asked.cells]
    assert asked.study.file.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"part_of": "whole.yaml"}, "config: part_of: only a study in a file can be part"),
        ({"study": 3}, "config: study: expected a name, found 3"),
        ({"title": Path("a")}, "config: expected a study that YAML can write, found Object of"),
        ({"colour": "red"}, "found the key 'colour'"),
    ],
)
def test_what_is_wrong_with_a_modules_study_ends_the_run(
    tmp_path, monkeypatch, capsys, change, message
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        read_study({**CONFIG, **change}, [], examine=False, stored=False)
    assert message in capsys.readouterr().err


def test_plugins_of_a_modules_study_are_those_of_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text("import emc\n\n@emc.activation('mine')\ndef mine(x): return x\n")
    asked = read_study({**CONFIG, "plugins": ["mine.py"]}, [], examine=False, stored=False)
    assert asked.study.plugins == ["mine.py"]


def workflow(*files: str | Path, **limits: int) -> Any:
    """Snakemake's `workflow`, as far as it is read."""
    return SimpleNamespace(
        configfiles=[Path(file) for file in files],
        is_main_process=True,
        storage_settings=SimpleNamespace(default_storage_provider=None),
        global_resources={name: SimpleNamespace(value=most) for name, most in limits.items()},
    )


@pytest.mark.parametrize(
    ("title", "environment", "folder"),
    [
        ("data_dir: mine", {}, "mine"),
        ("data_dir: mine", {"EMC_DATA_DIR": "yours"}, "mine"),
        ("", {"EMC_DATA_DIR": "yours"}, "yours"),
        ("", {"EMC_DATA_DIR": ""}, "results/data/originals"),
        ("", {}, "results/data/originals"),
    ],
)
def test_the_environment_says_where_originals_lie(
    tmp_path, monkeypatch, title, environment, folder
):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("small.yaml").write_text(STUDY.format(title=title))
    found = given(workflow("small.yaml"), {"study": "small"}, environment)
    assert (found.study.name, found.stored) == ("small", False)
    assert environment == {"EMC_DATA_DIR": folder, "EMC_STUDY": "small"}


@pytest.mark.parametrize("variable", [JOBS_PER_DEVICE, CELLS_PER_JOB])
def test_a_wrong_number_of_jobs_or_cells_ends_the_run(asked, capsys, variable):
    with pytest.raises(SystemExit, match="2"):
        given(workflow("small.yaml"), {"study": "small"}, {variable: "none"})
    assert f"{variable}: expected a whole number from 1, found 'none'" in capsys.readouterr().err


CNN = "{name: cnn, depth: 1, width: 2}"
MIXER = "{name: mlp-mixer, depth: 1, width: 8, patch: 4}"


@pytest.fixture
def with_a_card(monkeypatch):
    """An H200 that can be seen, on a machine whose pace is not known."""
    from emc.measurement.foretold import KnownPaces

    monkeypatch.delenv(device_choice.GAIN, raising=False)
    monkeypatch.setattr(device_choice, "visible_model", lambda _: "NVIDIA H200")
    monkeypatch.setattr(device_choice, "paces_here", lambda: KnownPaces({}, {}))


def cards_of(study, environment, **limits):
    """What the jobs of each cell hold of cards: measured, certified, tested."""
    found = given(workflow(study, **limits), {}, environment)
    asked = (
        found.cards_to_measure,
        found.cards_to_certify,
        lambda cell: found.cards_to_test(cell, "3"),
    )
    return [tuple(ask(cell) for ask in asked) for cell in found.cells]


@pytest.fixture
def two_nets(tmp_path, monkeypatch):
    """A study of a net that is foretold to be faster on the processor, and of another."""
    monkeypatch.chdir(tmp_path)
    file = Path("two.yaml")
    nets = f"grid: {{architecture: [{CNN}, {MIXER}]}}"
    file.write_text(f"study: two\ndefaults: {{dataset: digits}}\nsections: {{all: {{{nets}}}}}\n")
    return file


def test_jobs_hold_a_card_where_it_is_foretold_to_be_worth_it(two_nets, with_a_card):
    environment: dict[str, str] = {}
    assert cards_of(two_nets, environment, _cores=4, gpu=1) == [(0, 0, 0), (1, 1, 1)]
    assert environment[device_choice.GAIN] == "inf"


def test_a_gain_that_the_user_gives_is_kept(two_nets, with_a_card, monkeypatch):
    monkeypatch.setenv(device_choice.GAIN, "0")
    environment = {device_choice.GAIN: "0"}
    assert cards_of(two_nets, environment, _cores=4, gpu=1) == [(1, 0, 1), (1, 1, 1)]
    assert float(environment[device_choice.GAIN]) == 0


def test_without_a_card_in_sight_jobs_ask_for_one_as_before(two_nets, monkeypatch):
    """As on the login node of a cluster."""
    monkeypatch.setattr(device_choice, "visible_model", lambda _: None)
    environment: dict[str, str] = {}
    assert cards_of(two_nets, environment) == [(1, 0, 1), (1, 1, 1)]
    assert device_choice.GAIN not in environment


def test_where_others_cores_are_not_known_the_gain_is_1(two_nets, with_a_card):
    """A cluster, whose cards are named by the user: jobs read the same."""
    environment: dict[str, str] = {}
    assert cards_of(two_nets, environment) == [(0, 0, 0), (1, 1, 1)]
    assert device_choice.GAIN not in environment
