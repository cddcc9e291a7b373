"""A copy of the repository in which real snakemake runs take place."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config", "profiles", "scripts", "workflow")


@dataclass(frozen=True)
class Checkout:
    """A working copy with its own results.

    `package` is the folder of another copy's package, where it has none of its own.
    """

    folder: Path
    package: Path | None = None

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the copy."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.package or self.folder / "workflow"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        done = subprocess.run(
            command, cwd=self.folder, env=environment, text=True, capture_output=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{command} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def snakemake(self, study: str, *options: str, check: bool = True) -> str:
        """Run snakemake on a study file and give all that it said."""
        command = ("snakemake", "--cores", "2", "--configfile", study, *options)
        done = self.run(*command, check=check)
        return done.stdout + done.stderr

    def planned(self, study: str) -> Counter[str]:
        """Jobs that a dry run would start, by rule."""
        said = self.snakemake(study, "--dry-run")
        rows = re.findall(r"^([a-z_]+) +(\d+)$", said, flags=re.MULTILINE)
        return Counter({rule: int(count) for rule, count in rows if rule not in {"total", "all"}})

    def copy(self, folder: Path) -> "Checkout":
        """An independent copy that may be changed, times included."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Checkout(folder)

    def edit(self, path: str, before: str, after: str) -> None:
        """Replace text that must be there."""
        file = self.folder / path
        text = file.read_text()
        assert before in text, f"{path} lacks {before!r}"
        file.write_text(text.replace(before, after))
