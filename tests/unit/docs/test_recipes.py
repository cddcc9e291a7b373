"""The recipes of CONTRIBUTING.md, followed on a copy of the package."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[3]

STEPPED = """
import numpy as np
from pydantic import TypeAdapter
from emc.engine import Procedure, Replica, Update, run_probes
from emc.nets.plan import Dense
from emc.study.training import OPTIMIZERS, Optimizer

entry = TypeAdapter(Optimizer).validate_python({"name": "signs", "boost": 2.0})
assert entry.lr == (0.001, 0.01) and "signs" in OPTIMIZERS
update = Update(**entry.model_dump(exclude={"lr"}))
asked = Procedure(
    classes=2, layers=(Dense(3, 2, True, "identity"),), update=update, epochs=1, batch=None
)
inputs = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
replicas = [Replica(inputs, np.arange(8), np.arange(8) % 2, seed, lr=0.25) for seed in (1, 2)]
still = [Replica(inputs, np.arange(8), np.arange(8) % 2, seed, lr=0.0) for seed in (1, 2)]
for back_end in ("vmap", "sequential"):
    moved = run_probes(asked, replicas, back_end=back_end)
    start = run_probes(asked, still, back_end=back_end)
    for run, before in zip(moved, start):
        for name, values in run.parameters.items():
            np.testing.assert_allclose(abs(values - before.parameters[name]), 0.5, rtol=1e-5)
print("stepped")
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copied = copytree(
        ROOT / "workflow" / "emc", tmp_path / "emc", ignore=ignore_patterns("__pycache__")
    )
    return Path(copied)


def section(title: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def code_blocks(text: str) -> list[str]:
    return [dedent(block) for block in re.findall(r"   ```python\n(.*?)   ```", text, re.DOTALL)]


def run(package: Path, script: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_optimizer_is_added_with_two_files(package: Path) -> None:
    recipe = section("How to add an optimizer")
    rule, keys = code_blocks(recipe)
    files = re.findall(r"^\d\. `workflow/emc/(.*?)`", recipe, re.MULTILINE)
    assert files == ["engine/optimizers/signs.py", "study/training.py"]
    (package / files[0]).write_text(rule)
    training = package / files[1]
    before = training.read_text()
    with_model = before.replace("class OwnOptimizer", f"{keys}\n\nclass OwnOptimizer")
    added = re.sub(r"^(_Known = .*)$", r"\1 | Signs", with_model, flags=re.MULTILINE)
    assert added != with_model != before
    training.write_text(added)
    assert run(package, STEPPED) == "stepped\n"
