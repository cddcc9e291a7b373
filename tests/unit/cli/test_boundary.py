"""Where errors become messages and exit codes."""

import argparse
import errno
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from tests import plugin_files

from emc.cli.boundary import guarded, script
from emc.errors import EXIT_INTERRUPTED, EXIT_USER_ERROR, EmcError, Stopped

ROOT = Path(__file__).parents[3]


def raising(error: BaseException) -> Callable[[], None]:
    def call() -> None:
        raise error

    return call


def test_what_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(lambda: print("done")) == 0
    assert capsys.readouterr() == ("done\n", "")


def test_a_terminal_takes_what_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(EmcError("caf\udce9:\n\t\x1b[31mred\x00"))) == EXIT_USER_ERROR
    assert capsys.readouterr().err == "error: caf\\udce9:\n\t\\x1b[31mred\\x00\n"


@pytest.mark.parametrize("text", ["mine.yaml: seed: is missing", "µ", "two\nlines"])
def test_what_the_user_can_mend(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(EmcError(text))) == EXIT_USER_ERROR == 2
    assert capsys.readouterr() == ("", f"error: {text}\n")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Stopped("12 probes are saved"), "stopped: 12 probes are saved\n"),
        (MemoryError("8 GB"), "error: out of memory: 8 GB; a retry may ask for more\n"),
    ],
)
def test_what_goes_on_later(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(raising(error)) == EXIT_INTERRUPTED == 75
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize(
    "error", [ValueError("a bug"), OSError("a bug"), RecursionError("a bug"), SystemExit("a bug")]
)
def test_anything_else_passes(error: BaseException) -> None:
    with pytest.raises(type(error), match="a bug"):
        guarded(raising(error))


@pytest.mark.parametrize(
    ("error", "said"),
    [("ValueError('odd')", "ValueError: odd"), ("SystemExit(0)", "SystemExit: 0")],
)
def test_what_comes_out_of_a_plugin(
    error: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "own.py"
    assert guarded(plugin_files.raising(file, error)) == 2
    assert capsys.readouterr() == ("", f"error: {file}, line 6: {said}\n")


def test_a_folder_that_takes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "results/x")

    assert guarded(call) == 2
    assert capsys.readouterr().err == "error: results/x: Permission denied\n"


def test_an_output_that_takes_nothing() -> None:
    code = "from emc.cli.boundary import guarded; raise SystemExit(guarded(lambda: print(5)))"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], check=False, stdout=full, stderr=subprocess.PIPE
        )
    assert (done.returncode, done.stderr) == (2, b"error: the output: No space left on device\n")


def test_an_interruption_passes() -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        guarded(raising(KeyboardInterrupt()))


def run(program: str, *arguments: str, output: int = subprocess.PIPE) -> tuple[int, str]:
    """Exit code and standard error of a program whose output is buffered, as a user's is."""
    done = subprocess.run(
        [sys.executable, "-c", dedent(program), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "workflow"), "PYTHONUNBUFFERED": ""},
        stdout=output,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("size", [1, 1_000_000], ids=["in the buffer", "beyond the buffer"])
@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(0)"])
@pytest.mark.parametrize("start", ["call", "app"])
def test_a_reader_that_has_left_is_no_error(size: int, ending: str, start: str) -> None:
    program = f"""
        import typer
        from emc.cli.boundary import guarded
        app = typer.Typer()
        @app.command()
        def call():
            print("x" * {size})
            {ending}
        raise SystemExit(guarded({start}))
    """
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run(program, output=writer) == (0, "")
    finally:
        os.close(writer)


SCRIPT = """
    import argparse, logging
    from emc.cli.boundary import script
    from emc.errors import EmcError
    def call(arguments):
        logging.getLogger("emc").info("fits %s", arguments.n)
        if arguments.n == "0":
            raise EmcError("--n: expected a number from 1, found 0")
        if arguments.n == "1":
            raise ZeroDivisionError("a bug")
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", required=True)
    script(parser, call)
"""


def test_a_script_logs_and_ends_with_its_code() -> None:
    code, err = run(SCRIPT, "--n", "7")
    assert code == 0
    assert err.endswith(" fits 7\n")


def test_a_scripts_user_error() -> None:
    code, err = run(SCRIPT, "--n", "0")
    assert code == 2
    assert err.splitlines()[-1] == "error: --n: expected a number from 1, found 0"
    assert "Traceback" not in err


def test_a_scripts_bug() -> None:
    code, err = run(SCRIPT, "--n", "1")
    assert code == 1
    assert "Traceback" in err
    assert err.endswith("ZeroDivisionError: a bug\n")


def test_a_script_asks_for_its_arguments() -> None:
    code, err = run(SCRIPT)
    assert code == 2
    assert "the following arguments are required: --n" in err


def test_a_script_hands_over_what_was_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["script", "--n", "3"])
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    parser = argparse.ArgumentParser()
    parser.add_argument("--n", type=int)
    seen: list[int] = []
    with pytest.raises(SystemExit, match=r"^0$"):
        script(parser, lambda arguments: seen.append(arguments.n))
    assert seen == [3]
