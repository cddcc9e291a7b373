"""Run a study in the working folder: Snakemake, with the workflow that comes with the program."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Final

from packaging.version import Version

from emc.cli.results_folder import results_folder
from emc.cli.shipped import SNAKEFILE
from emc.cli.storage import refuse_storage
from emc.data.lookup import open_study
from emc.errors import EmcError
from emc.store.layout import OF_RUNS

OLDEST_SNAKEMAKE: Final = "9.1"
"""The version that the workflow is written for."""


def run_study(file: Path, cores: str, gpus: int | None, options: Sequence[str]) -> None:
    """Measure what is missing of a study; `options` are Snakemake's own.

    Results go to the working folder. Exits as Snakemake does if that fails.

    Raises:
        EmcError: Snakemake is too old, `cores` is neither a count nor "all", the study has a fault,
            the folder cannot be written, or a storage is asked for that lacks its plug-in or
            credentials.
    """
    _refuse_old_snakemake()
    if cores != "all" and not (cores.isascii() and cores.isdigit() and int(cores) > 0):
        raise EmcError(f"--cores: expected a whole number from 1, or all, found {cores!r}")
    study = open_study(file, OF_RUNS.root)
    refuse_storage(options)
    if not {"--directory", "-d", "--default-storage-provider"} & {*options}:
        _refuse_unwritable(Path.cwd())
    code = _passing_signals(_command(file, cores, gpus, options))
    if code:
        raise SystemExit(code)
    page = OF_RUNS.study(study.name).page
    if page.exists():
        print(f"The page: {page.absolute()}")


def _refuse_old_snakemake() -> None:
    found = version("snakemake")
    if Version(found) < Version(OLDEST_SNAKEMAKE):
        raise EmcError(
            f"expected Snakemake {OLDEST_SNAKEMAKE} or newer, found {found}: pip install"
            f" --upgrade 'snakemake>={OLDEST_SNAKEMAKE}'"
        )


def _refuse_unwritable(folder: Path) -> None:
    results = results_folder(str(folder / OF_RUNS.root))
    trial = results / f".{os.getpid()}.trial"
    try:
        results.mkdir(exist_ok=True)
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise EmcError(
            f"{results}: cannot be written ({error.strerror}): run it in a folder of your own"
        ) from None


def _command(file: Path, cores: str, gpus: int | None, options: Sequence[str]) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(SNAKEFILE)]
    command += ["--configfile", str(file), "--quiet", "host", "reason"]
    if gpus is not None:
        command += ["--resources", f"gpu={gpus}"]
    # Last, since it takes one word: the others would take files that the options name.
    return [*command, "--cores", cores, *options]


def _passing_signals(command: Sequence[str]) -> int:
    """Run it to its end and give its exit code; Ctrl-C reaches it anyway, SIGTERM is passed on.

    Jobs call `python`: it has to be the one that this program runs in.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    process = subprocess.Popen(command, env={**os.environ, "PATH": path})

    def passed(number: int, _frame: FrameType | None) -> None:
        process.send_signal(number)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, signal.SIG_IGN),
        signal.SIGTERM: signal.signal(signal.SIGTERM, passed),
    }
    try:
        return process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
