"""`emc run` and `emc init`: what is asked of Snakemake, and what is refused before it starts."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from emc.cli import run, storage
from emc.cli.boundary import guarded
from emc.cli.main import app
from emc.cli.shipped import SNAKEFILE, TEMPLATE, shipped_names, study_file
from emc.errors import EmcError

STUDY = "study: s\nsections: {a: {cells: [{dataset: digits, architecture: linear}]}}\n"


def emc(*arguments: str) -> int:
    return guarded(lambda: app(arguments, standalone_mode=False))


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that are run, none of them really, in a folder with a study."""
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(STUDY)
    called: list[list[str]] = []
    monkeypatch.setattr(run, "_passing_signals", lambda command: called.append(command) or 0)
    return called


def test_snakemake_is_run_with_the_workflow_that_comes_with_the_program(calls) -> None:
    assert emc("run", "s.yaml", "--cores", "3", "--gpus", "2", "--", "--dry-run", "-q") == 0
    (command,) = calls
    assert command[:3] == [sys.executable, "-m", "snakemake"]
    wanted = f"--snakefile {SNAKEFILE} --configfile s.yaml --quiet host reason"
    assert command[3:] == f"{wanted} --resources gpu=2 --cores 3 --dry-run -q".split()


def test_all_cores_and_no_word_of_gpus_where_none_is_given(calls) -> None:
    assert emc("run", "s.yaml") == 0
    assert calls[0][-2:] == ["--cores", "all"]
    assert "--resources" not in calls[0]


def test_the_page_is_named_if_there_is_one(calls, capsys) -> None:
    emc("run", "s.yaml")
    assert capsys.readouterr().out == ""
    page = Path("results/studies/s/index.html")
    page.parent.mkdir(parents=True)
    page.touch()
    emc("run", "s.yaml")
    assert capsys.readouterr().out == f"The page: {page.absolute()}\n"


@pytest.mark.parametrize("cores", ["0", "-1", "many", "1.5", "\u0664", ""])
def test_cores_are_a_count_or_all(calls, capsys, cores: str) -> None:
    assert emc("run", "s.yaml", "--cores", cores) == 2
    assert calls == []
    wanted = f"error: --cores: expected a whole number from 1, or all, found {cores!r}\n"
    assert capsys.readouterr().err == wanted


def test_a_folder_that_cannot_be_written(calls, capsys, monkeypatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "touch", full)
    assert emc("run", "s.yaml") == 2
    said = capsys.readouterr().err
    found = f"{Path.cwd() / 'results'}: cannot be written (No space left on device)"
    assert said == f"error: {found}: run it in a folder of your own\n"
    assert not calls


@pytest.mark.parametrize("option", ["--directory", "-d", "--default-storage-provider"])
def test_it_need_not_be_written_where_results_go_elsewhere(calls, option: str) -> None:
    Path("results").write_text("a file")
    assert emc("run", "s.yaml", "--", option, "fs") == 0
    assert len(calls) == 1


def test_a_snakemake_that_is_too_old(calls, monkeypatch, capsys) -> None:
    monkeypatch.setattr(run, "version", lambda _: "8.30.0")
    assert emc("run", "s.yaml") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: expected Snakemake 9.1 or newer, found 8.30.0: pip install")
    assert not calls


def test_it_is_the_oldest_that_the_snakefile_and_the_package_take() -> None:
    assert f'min_version("{run.OLDEST_SNAKEMAKE}")' in SNAKEFILE.read_text()
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'"snakemake>={run.OLDEST_SNAKEMAKE}"' in project


@pytest.mark.parametrize("given", [["nosuch"], ["--default-storage-provider=nosuch"]])
def test_a_storage_without_its_plugin(calls, capsys, given) -> None:
    option = given if "=" in given[0] else ["--default-storage-provider", *given]
    assert emc("run", "s.yaml", "--", *option) == 2
    said = "nosuch: its plug-in is not installed: pip install snakemake-storage-plugin-nosuch"
    assert said in capsys.readouterr().err
    assert not calls


@pytest.fixture
def found(monkeypatch) -> list[object]:
    """What boto3 finds of credentials, where it and the plug-in for S3 are installed."""
    holds: list[object] = [None]
    session = SimpleNamespace(get_credentials=lambda: holds[0])
    monkeypatch.setitem(sys.modules, "boto3", SimpleNamespace(Session=lambda: session))
    monkeypatch.setattr(storage, "find_spec", lambda _: object())
    monkeypatch.delenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", raising=False)
    return holds


S3 = ("run", "s.yaml", "--", "--default-storage-provider", "s3")


def test_a_storage_without_credentials(calls, capsys, found) -> None:
    assert emc(*S3) == 2
    assert "s3: no credentials found: set AWS_ACCESS_KEY_ID" in capsys.readouterr().err
    assert not calls


def test_credentials_may_come_from_boto3_the_environment_or_an_option(
    calls, found, monkeypatch
) -> None:
    assert emc(*S3, "--storage-s3-access-key", "a") == 0
    monkeypatch.setenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY", "a")
    assert emc(*S3) == 0
    monkeypatch.delenv("SNAKEMAKE_STORAGE_S3_ACCESS_KEY")
    found[0] = object()
    assert emc(*S3) == 0
    assert len(calls) == 3


def test_the_exit_code_is_that_of_snakemake(calls, monkeypatch) -> None:
    monkeypatch.setattr(run, "_passing_signals", lambda _: 3)
    with pytest.raises(SystemExit, match="3"):
        run.run_study(Path("s.yaml"), "1", None, [])


PASSES = """
import sys
from emc.cli.run import _passing_signals
child = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7));"
child += "print('ready', flush=True); time.sleep(60)"
sys.exit(_passing_signals([sys.executable, "-c", child]))
"""


def test_a_signal_to_end_is_passed_on() -> None:
    started = subprocess.Popen([sys.executable, "-c", PASSES], stdout=subprocess.PIPE, text=True)
    assert started.stdout is not None
    with started:
        assert started.stdout.readline() == "ready\n"
        started.send_signal(signal.SIGTERM)
        assert started.wait(30) == 7


def test_jobs_find_the_python_that_the_program_runs_in(tmp_path, monkeypatch) -> None:
    monkeypatch.delenv("PATH")
    told = tmp_path / "told"
    code = f"import os; open({str(told)!r}, 'w').write(os.environ['PATH'])"
    assert run._passing_signals([sys.executable, "-c", code]) == 0
    assert told.read_text().split(os.pathsep)[0] == str(Path(sys.executable).parent)


def test_a_first_study_is_written_once(calls, capsys) -> None:
    assert emc("init", "mine.yaml") == 0
    assert Path("mine.yaml").read_text() == TEMPLATE.read_text()
    assert "emc run mine.yaml" in capsys.readouterr().out
    Path("mine.yaml").write_text("changed")
    assert emc("init", "mine.yaml") == 2
    assert Path("mine.yaml").read_text() == "changed"
    assert capsys.readouterr().err.startswith("error: mine.yaml: there already")


def test_a_first_study_in_a_folder_that_is_not_there(calls, capsys) -> None:
    assert emc("init", "none/mine.yaml") == 2
    said = "error: none/mine.yaml: cannot be written: No such file or directory\n"
    assert capsys.readouterr().err == said


def test_it_is_a_valid_study(calls) -> None:
    emc("init")
    assert emc("validate", "study.yaml") == 0


def test_studies_that_come_with_the_program_have_names(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert {"demo", "paper", "tiny"} <= {*shipped_names()}
    assert study_file("demo").is_file()
    Path("demo").write_text(STUDY)
    assert study_file("demo") == Path("demo")
    for given in ("demo.yaml", "config/demo"):
        assert study_file(given) == Path(given)
    with pytest.raises(EmcError, match=r"^dmo: no such study file, and no study of that name"):
        study_file("dmo")


def test_the_version_is_told(capsys) -> None:
    emc("--version")
    assert capsys.readouterr().out.startswith("emc 0.")
