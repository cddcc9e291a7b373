"""The recipes of CONTRIBUTING.md, followed on a copy of the package."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from textwrap import dedent, indent

import pytest

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow

STEPPED = """
import numpy as np
from pydantic import TypeAdapter
from emc.engine import Procedure, Replica, Update, run_probes
from emc.nets.layers import Dense
from emc.study.optimizers import OPTIMIZERS, Optimizer

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

BENT = """
import ctypes
import numpy as np
import torch
from emc.activations import ACTIVATIONS
from emc.engine import Procedure, Replica, Update, run_probes
from emc.native.activation import structure_name
from emc.native.build import library
from emc.nets.activation import FUNCTIONS
from emc.nets.layers import Dense
from emc.study.cell import Cell

Cell.model_validate({"dataset": "digits", "architecture": "linear", "activation": "softsign"})
x = np.linspace(-4, 4, 64)
bent = ACTIVATIONS["softsign"].bent(x)
point = torch.from_numpy(x).requires_grad_()
value = FUNCTIONS["softsign"](point)
(first,) = torch.autograd.grad(value.sum(), point, create_graph=True)
(second,) = torch.autograd.grad(first.sum(), point)
for mine, torchs in zip(bent, (value, first, second)):
    np.testing.assert_allclose(mine, torchs.detach(), rtol=1e-12, atol=1e-15)

source = '#define EMC_DOUBLE\\n#include "bends.hpp"\\nusing namespace emc;\\n' + "".join(
    f'extern "C" void {part}(const Real* x, Real* y, long n) {{ for (long i = 0; i < n; i += lanes)'
    f" store(y + i, bend<Activation::{structure_name('softsign')}>(load(x + i)).{part}); }}\\n"
    for part in bent._fields
)
kernel = ctypes.CDLL(str(library(source)))
for part, wanted in bent._asdict().items():
    found = np.empty_like(x)
    kernel[part](*(ctypes.c_void_p(a.ctypes.data) for a in (x, found)), ctypes.c_long(len(x)))
    np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-15)

layers = (Dense(3, 4, True, "softsign"), Dense(4, 2, True, "identity"))
asked = Procedure(
    classes=2, layers=layers, update=Update("sgd"), epochs=2, batch=4
)
inputs = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
replicas = [Replica(inputs, np.arange(8), np.arange(8) % 2, seed=1, lr=0.5)]
kernels, torchs = (
    run_probes(asked, replicas, back_end=back_end)[0].parameters
    for back_end in ("native", "sequential")
)
for name, values in torchs.items():
    np.testing.assert_allclose(kernels[name], values, rtol=1e-4, atol=1e-6)
print("bent")
"""

MADE = """
import torch
from emc.nets.build import net, size
from emc.study.cell import Cell

entry = {"name": "bottleneck", "params": 70}
cell = Cell.model_validate({"dataset": "digits", "architecture": entry, "activation": "tanh"})
made = net(cell.architecture, "tanh", "torch", (1, 8, 8), 10)
assert cell.architecture.width == 1
assert size(made) == cell.architecture.parameters((1, 8, 8), 10) == 65 + 20
logits = made()(torch.zeros(3, 1, 8, 8))
assert logits.shape == (3, 10)
print("made")
"""

PREPARED = """
import sys
from pathlib import Path
from emc.data import open_samples
from emc.data.prepare import prepare
from emc.study.cell import Cell
from emc.study.datasets import DATA_SETS

cell = Cell.model_validate({"dataset": "disc", "architecture": "linear"})
manifest = prepare(cell.dataset, Path(sys.argv[1]), None)
assert "disc" in DATA_SETS and manifest.origin == "made from a seed"
samples = open_samples(Path(sys.argv[1]))
inputs = samples.inputs(slice(None))
assert (((inputs**2).sum(1) <= 1) == samples.labels).all() and inputs.shape == (400, 2)
print("prepared")
"""

STUDIED = """
import sys
from pathlib import Path
from tests.synthetic import SETTINGS, factorial, write_study
from emc.warehouse import build, open_database

cells = factorial(optimizer=["gd", "adam"], seed=[0, 1])
study = write_study(Path(sys.argv[1]), cells, probes=5)
build(study.database, study.cells, study.results, SETTINGS)
"""

JUDGED = f"""{STUDIED}
from emc.findings import judge
from emc.findings.claims import CLAIMS

claims = [claim for claim in CLAIMS if claim.name == "adam-over-gd"]
with open_database(study.database) as warehouse:
    (found,) = judge(warehouse, claims)
assert found.statistics.pairs == 2 and "adam over gd" in found.sentence
print("judged")
"""

DRAWN = f"""{STUDIED}
from emc.figures import figure, specification

with open_database(study.database) as warehouse:
    wanted = figure("probes-by-cell")
    assert wanted.lacking(warehouse) is None
    spec = specification(wanted.draw(warehouse))
assert spec["description"] == "4 cells"
print("drawn")
"""

STORED = """
import numpy as np
from emc.engine import Procedure, Replica, Update, run_probes
from emc.nets.layers import Dense
from emc.records import Probe
from emc.records.column import columns, row
from emc.store.columns import PROBES

asked = Procedure(
    classes=2, layers=(Dense(3, 2, True, "identity"),), update=Update("sgd"), epochs=3, batch=4
)
inputs = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
replicas = [Replica(inputs, np.arange(8), np.arange(8) % 2, seed=1, lr=0.01)]
for back_end in ("sequential", "vmap"):
    (run,) = run_probes(asked, replicas, back_end=back_end)
    assert row(run.numbers)["last_loss"] == run.epoch_losses[-1]
assert "last_loss" in [column.name for column in columns(Probe)]
assert "last_loss" in [column.name for column in PROBES.columns]
print("stored")
"""


@dataclass(frozen=True)
class Step:
    """One numbered step of a recipe: a file below `workflow/emc`, and what it says to write."""

    file: str
    blocks: list[str]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    copied = copytree(
        ROOT / "workflow" / "emc", tmp_path / "emc", ignore=ignore_patterns("__pycache__")
    )
    return Path(copied)


def recipe(title: str) -> list[Step]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    steps = re.split(r"^\d\. ", section, flags=re.MULTILINE)[1:]
    return [_step(step) for step in steps]


def _step(text: str) -> Step:
    named = re.match(r"`workflow/emc/(.*?)`", text)
    assert named is not None
    blocks = re.findall(r"   ```(?:python|cpp|text)\n(.*?)   ```", text, re.DOTALL)
    return Step(named[1], [dedent(block) for block in blocks])


def insert(package: Path, file: str, text: str, *, before: str) -> None:
    """Write text before the only place in a file where `before` begins a line."""
    path = package / file
    found = path.read_text()
    assert found.startswith(before) + found.count(f"\n{before}") == 1, (file, before)
    at = 0 if found.startswith(before) else found.index(f"\n{before}") + 1
    path.write_text(found[:at] + text + found[at:])


def append_row(package: Path, file: str, row: str, *, table: str, closing: str = "}") -> None:
    """Write a row at the end of a table whose assignment begins a line."""
    path = package / file
    head, rest = path.read_text().split(f"\n{table}: ", 1)
    at = rest.index(f"\n{closing}\n") + 1
    path.write_text(f"{head}\n{table}: {rest[:at]}{indent(row, '    ')}{rest[at:]}")


def add_kind(package: Path, file: str, name: str) -> None:
    """Write one more name into the union `_Known`."""
    path = package / file
    found = path.read_text()
    added = re.sub(r"^(_Known = \(?)", rf"\g<1>{name} | ", found, flags=re.MULTILINE)
    assert added != found
    path.write_text(added)


def run(package: Path, script: str) -> str:
    path = os.pathsep.join([str(package.parent), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-c", script, str(package.parent / "made")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_optimizer_is_added_with_two_files(package: Path) -> None:
    rule, keys = recipe("How to add an optimizer")
    assert [rule.file, keys.file] == ["engine/optimizers/signs.py", "study/optimizers.py"]
    (package / rule.file).write_text(rule.blocks[0])
    insert(package, keys.file, f"{keys.blocks[0]}\n\n", before="class PluginOptimizer")
    add_kind(package, keys.file, "Signs")
    assert run(package, STEPPED) == "stepped\n"


def test_an_activation_is_added_with_two_files_and_the_kernel(package: Path) -> None:
    known, function, kernel = recipe("How to add an activation")
    assert [known.file, function.file, kernel.file] == [
        "activations.py",
        "nets/activation.py",
        "native/kernel/activations.hpp",
    ]
    derivatives, row = known.blocks
    decorated = "@dataclass(frozen=True, slots=True)\nclass Activation:"
    insert(package, known.file, f"{derivatives}\n\n", before=decorated)
    append_row(package, known.file, row, table="ACTIVATIONS")
    append_row(package, function.file, function.blocks[0], table="FUNCTIONS")
    insert(package, kernel.file, f"{kernel.blocks[0]}\n", before="// All of them")
    header = package / kernel.file
    header.write_text(header.read_text().replace("EACH(Identity)", "EACH(Identity) EACH(Softsign)"))
    assert run(package, BENT) == "bent\n"


def test_an_architecture_is_added_with_three_files(package: Path) -> None:
    size, choice, net = recipe("How to add an architecture")
    assert [size.file, choice.file, net.file] == [
        "study/architectures/bottleneck.py",
        "study/architectures/choice.py",
        "nets/families/bottleneck.py",
    ]
    for new in (size, net):
        (package / new.file).write_text(new.blocks[0])
    insert(package, choice.file, choice.blocks[0], before="from emc.study.architectures.cnn")
    add_kind(package, choice.file, "Bottleneck")
    assert run(package, MADE) == "made\n"


def test_a_data_set_is_added_with_two_files(package: Path) -> None:
    source, reader = recipe("How to add a data set")
    assert [source.file, reader.file] == ["study/datasets.py", "data/readers/disc.py"]
    insert(package, source.file, f"{source.blocks[0]}\n\n", before="class PluginDataSet")
    add_kind(package, source.file, "Disc")
    (package / reader.file).write_text(reader.blocks[0])
    (package.parent / "made").mkdir()
    assert run(package, PREPARED) == "prepared\n"


def test_a_claim_is_added_with_one_file(package: Path) -> None:
    (claims,) = recipe("How to add a claim")
    assert claims.file == "findings/claims.py"
    append_row(package, claims.file, claims.blocks[0], table="CLAIMS", closing=")")
    assert run(package, JUDGED) == "judged\n"


def test_a_figure_is_added_with_two_files(package: Path) -> None:
    drawing, registry = recipe("How to add a figure")
    assert [drawing.file, registry.file] == ["figures/probes_by_cell.py", "figures/registry.py"]
    (package / drawing.file).write_text(drawing.blocks[0])
    imported = "from emc.figures import probes_by_cell\n"
    insert(package, registry.file, imported, before="from emc.figures.figure")
    append_row(package, registry.file, registry.blocks[0], table="FIGURES", closing=")")
    assert run(package, DRAWN) == "drawn\n"


def test_a_column_of_the_probes_is_added_with_two_files(package: Path) -> None:
    record, value = recipe("How to add a column of the probes")
    assert [record.file, value.file] == ["records/run.py", "engine/progress.py"]
    ended = "    trace_epochs: "
    insert(package, record.file, indent(record.blocks[0], "    "), before=ended)
    insert(package, value.file, indent(value.blocks[0], " " * 8), before=" " * 8 + "trace_epochs=")
    assert run(package, STORED) == "stored\n"
