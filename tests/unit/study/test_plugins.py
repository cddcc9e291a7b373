"""Plug-ins of a study: what they register, whose ids they are in, and how their faults are told."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from jsonschema import Draft202012Validator
from tests.plugin_files import IMPORTS, written

from emc.errors import EmcError
from emc.study import Cell, PlannedCell, cell_id, load_file
from emc.study.identity import canonical, from_canonical
from emc.study.plugins import load_plugin
from emc.study.schema import schema

ROOT = Path(__file__).parents[3]
NET = """
@emc.architecture("bottleneck")
def bottleneck(shape, classes, activation, width: int, squeeze: int = 4, bias: bool = True):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), squeeze, bias=bias), activation,
        nn.Linear(squeeze, width), activation, nn.Linear(width, classes),
    )
"""

Study = Callable[..., tuple[PlannedCell, ...]]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Loads a study of one cell on digits with that plug-in; the working folder is the study's."""
    monkeypatch.chdir(tmp_path)

    def load(plugin: str, *cells: str, files: str = "[own.py]") -> tuple[PlannedCell, ...]:
        return load_file(written(Path(), plugin, *cells, files=files)).cells

    return load


def cell(keys: str) -> str:
    return f"{{architecture: {{name: bottleneck, {keys}}}}}"


def count(width: int, squeeze: int = 4, bias: bool = True) -> int:
    return (64 + bias) * squeeze + (squeeze + 1) * width + (width + 1) * 10


def test_keys_have_the_functions_types_and_defaults(study: Study) -> None:
    plain, full = study(NET, cell("width: 3e0"), cell("width: 5, squeeze: 2, bias: false"))
    assert plain.cell.architecture.keys == {"width": 3, "squeeze": 4, "bias": True}
    assert plain.cell.parameters == count(3)
    assert full.cell.parameters == count(5, 2, False)
    assert plain.id.startswith("digits-original-bottleneck3-relu-sgd-")


def test_a_wanted_count_finds_the_width(study: Study) -> None:
    (found,) = study(NET, cell("params: 1000"))
    width = found.cell.architecture.width
    assert width is not None
    misses = [abs(count(w) - 1000) for w in (width - 1, width, width + 1)]
    assert misses[1] == min(misses)


def test_a_width_may_have_a_default(study: Study) -> None:
    (by_default,) = study(NET.replace("width: int", "width=6"), "{architecture: bottleneck}")
    assert by_default.cell.architecture.width == 6
    (found,) = study(NET.replace("width: int", "width=6"), cell("params: 1000"))
    assert found.cell.architecture.width > 6


def test_writing_a_default_out_is_no_difference(study: Study) -> None:
    with pytest.raises(EmcError, match="the same cell as"):
        study(NET, cell("width: 3"), cell("width: 3.0, squeeze: 4, bias: true"))


def test_presets_grids_and_dotted_keys_reach_the_keys(study: Study) -> None:
    found = study(NET, "{architecture: {name: bottleneck, width: 2}, architecture.squeeze: 7}")
    assert found[0].cell.architecture.squeeze == 7


def test_a_cell_comes_back_from_its_text_alone(study: Study, tmp_path: Path) -> None:
    (planned,) = study(NET, cell("width: 3"))
    assert from_canonical(planned.definition) == planned.cell
    assert canonical(from_canonical(planned.definition)) == planned.definition
    plugin = json.loads(planned.definition)["architecture"]["plugin"]
    assert plugin["file"] == "own.py"
    assert len(plugin["sha256"]) == 64


def test_a_plugin_is_in_the_ids_of_the_cells_that_use_it(study: Study) -> None:
    mlp = "{architecture: {name: mlp, width: 4, depth: 1}}"
    own, known = study(NET, cell("width: 3"), mlp)
    changed, same = study(NET + "# another line\n", cell("width: 3"), mlp)
    assert changed.id != own.id
    assert same.id == known.id
    raw = {"dataset": "digits", "architecture": {"name": "mlp", "width": 4, "depth": 1}}
    assert (
        known.id
        == cell_id(Cell.model_validate(raw))
        == "digits-original-mlp4-relu-sgd-67c662c1afb3"
    )


def test_where_a_plugin_lies_is_no_part_of_an_id(study: Study) -> None:
    (here,) = study(NET, cell("width: 3"))
    Path("deep").mkdir()
    Path("own.py").rename("deep/own.py")
    text = Path("study.yaml").read_text().replace("[own.py]", "[deep/own.py]")
    Path("study.yaml").write_text(text)
    (there,) = load_file(Path("study.yaml")).cells
    assert there.id == here.id
    assert json.loads(there.definition)["architecture"]["plugin"]["file"] == "deep/own.py"


def test_plugins_are_found_beside_the_study(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    (here,) = study(NET, cell("width: 3"))
    folder = Path.cwd()
    monkeypatch.chdir("/")
    (there,) = load_file(folder / "study.yaml").cells
    assert there.id == here.id
    assert from_canonical(there.definition) == there.cell


def test_a_plugin_that_has_changed_is_not_run(study: Study) -> None:
    (planned,) = study(NET, cell("width: 3"))
    load_plugin.cache_clear()  # as in the process of another job
    Path("own.py").write_text(IMPORTS + NET + "raise SystemExit('must not run')\n")
    with pytest.raises(EmcError, match=r"^own\.py: it has changed since the cell was planned"):
        from_canonical(planned.definition)
    Path("own.py").unlink()
    with pytest.raises(EmcError, match=r"plug-in own\.py: cannot be read: No such file"):
        from_canonical(planned.definition)


def test_several_names_in_several_files(study: Study) -> None:
    other = """
        import emc
        from torch import nn
        for depth in (1, 2):
            @emc.architecture(f"deep-{depth}")
            def deep(shape, classes, activation, depth: int = depth):
                return nn.Sequential(nn.Flatten(), *[nn.Linear(64, 64)] * depth, nn.Linear(64, 10))
    """
    Path("other.py").write_text(dedent(other))
    cells = ["{architecture: deep-1}", "{architecture: deep-2}", cell("width: 1")]
    found = study(NET, *cells, files="[other.py, own.py]")
    assert [one.cell.architecture.name for one in found] == ["deep-1", "deep-2", "bottleneck"]


def test_a_module_class_is_an_architecture(study: Study) -> None:
    by_class = """
        @emc.architecture("by-class")
        class Net(nn.Module):
            def __init__(self, shape, classes, activation, width: int = 2):
                super().__init__()
                self.layer = nn.Linear(prod(shape), classes)

            def forward(self, x):
                return self.layer(x.flatten(1))
    """
    (found,) = study(dedent(by_class), "{architecture: by-class}")
    assert found.cell.parameters == 650


KNOWN = "linear, mlp, cnn, resnet, vit, efficientnet, mlp-mixer, bottleneck"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (
            "name: bottlenek",
            f"expected one of {KNOWN}, found the name 'bottlenek'; did you mean 'bottleneck'?",
        ),
        ("name: mpl", f"expected one of {KNOWN}, found the name 'mpl'; did you mean 'mlp'?"),
        ("name: bottleneck", "expected either 'width' or 'params', found neither"),
        (
            "name: bottleneck, widht: 3",
            "expected one of"
            " name, width, params, squeeze, bias, found the key 'widht'; did you mean 'width'?",
        ),
        (
            "name: bottleneck, width: 1, plugin: own.py",
            "expected one of name, width, params, squeeze, bias, found the key 'plugin'",
        ),
    ],
)
def test_entries_that_do_not_suit_the_function(study: Study, entry: str, message: str) -> None:
    with pytest.raises(EmcError, match=re.escape(f"): architecture: {message}")):
        study(NET, f"{{architecture: {{{entry}}}}}")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("width: 1.5", "architecture.width: expected a whole number, found 1.5"),
        ("width: 1, squeeze: wide", "architecture.squeeze: expected a whole number, found 'wide'"),
        ("width: 1, bias: 3", "architecture.bias: expected true or false, found 3"),
    ],
)
def test_values_that_do_not_suit_the_function(study: Study, keys: str, message: str) -> None:
    with pytest.raises(EmcError, match=re.escape(message)):
        study(NET, cell(keys))


def test_a_key_without_default_is_missed(study: Study) -> None:
    with pytest.raises(EmcError, match=r"architecture\.squeeze: is missing"):
        study(NET.replace("squeeze: int = 4", "squeeze: int"), cell("width: 3"))


def body(line: str, signature: str = "shape, classes, activation") -> str:
    """A plug-in whose function `f` starts on line 4 and has its body on line 6."""
    return f"@emc.architecture('bottleneck')\ndef f({signature}):\n    {line}\n"


FAULTS = [
    ("def f(:", r"own\.py, line 4: SyntaxError: invalid syntax"),
    (
        "import nothing_such",
        r"own\.py, line 4: ModuleNotFoundError: No module named 'nothing_such'",
    ),
    ("\n\n1 / 0", r"own\.py, line 6: ZeroDivisionError: division by zero"),
    ("raise SystemExit(3)", r"own\.py, line 4: SystemExit: 3"),
    ("", r"own\.py: expected a call such as @emc\.architecture"),
    (NET + NET, r"line 12: architecture 'bottleneck' is registered already \(own\.py, line 5\)"),
    (
        "@emc.architecture('mlp')\ndef f(): pass",
        "line 4: architecture 'mlp' comes with the program",
    ),
    (
        "@emc.architecture('A b')\ndef f(): pass",
        "line 4: architecture: expected a name of lower-case .*, found 'A b'",
    ),
    (
        "@emc.architecture\ndef f(): pass",
        "line 4: architecture: expected a name of lower.*, found <function f at",
    ),
    (
        body("pass", "classes, shape, activation"),
        r"line 4: .*expected the first parameters \(shape, classes, activation\), found \(classes,",
    ),
    (body("pass", "shape, classes"), r"found \(shape, classes\)"),
    (
        body("pass", "shape, classes, activation, **keys"),
        "each key has a parameter .*found \\*\\*keys",
    ),
    (body("pass", "shape, classes, activation, x: 'nothing'"), "cannot be read: name 'nothing'"),
    (
        body("pass", "shape, classes, activation, x"),
        "line 4: key 'x': expected a type or a default",
    ),
    (
        body("pass", "shape, classes, activation, x=[1]"),
        "key 'x': expected a type or a default .*found x=",
    ),
    (
        body("pass", "shape, classes, activation, x: int | None = None"),
        "key 'x': expected a type or a default",
    ),
    (
        body("pass", "shape, classes, activation, width: float = 1.0"),
        "key 'width': it is a column .* of type int",
    ),
    (
        body("pass", "shape, classes, activation, unsuitable: int = 1"),
        "cannot be called 'unsuitable'",
    ),
    (body("pass", "shape, classes, activation, plugin: int = 1"), "cannot be called 'plugin'"),
    (body("return 1 / 0"), r"own\.py, line 6: ZeroDivisionError: division by zero"),
    (
        body("return 3"),
        r"own\.py, line 4: architecture 'bottleneck': expected a torch\.nn\.Module, found 3",
    ),
    (
        body("import torch; return torch.zeros(2, 1)"),
        r"4: .*expected a torch\.nn\.Module, found Tensor of shape \(2, 1\)$",
    ),
    (body("return nn.Flatten()"), "line 4: .* returns a Flatten with nothing to train"),
    (
        body("return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), 3))"),
        r"4: .*logits of shape \(2, 10\) for two inputs of \(1, 8, 8\) in 10 .*, found \(2, 3\)",
    ),
    (
        "head = nn.Linear(64, 10)\n" + body("return nn.Sequential(nn.Flatten(), head)"),
        r"line 5: architecture 'bottleneck': expected a fresh net at each call, found '1.weight'",
    ),
    (
        body("return nn.Sequential(nn.Flatten(), nn.Linear(prod(shape), classes).half())"),
        r"line 4: .* expected parameters and buffers in float32, found '1.weight' in torch.float16",
    ),
    (body("return nn.LazyLinear(classes)"), "line 4: .*'weight' belongs to a lazy layer"),
    (
        "import random\n"
        + body("return nn.Sequential(nn.Flatten(), nn.Linear(64, 10), Noisy())")
        + "class Noisy(nn.Module):\n    def forward(self, x): return x * random.random()\n",
        r"line 5: .*Sequential draws random numbers in evaluation mode, so that a fit is a matter",
    ),
    (body("return nn.Linear(9, 9)"), r"own\.py, line 4: RuntimeError: mat1 and mat2 shapes"),
]


@pytest.mark.parametrize(("plugin", "message"), FAULTS, ids=lambda v: v[:40])
def test_faults_name_the_plugins_line(study: Study, plugin: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        study(plugin, "{architecture: bottleneck}")


@pytest.mark.parametrize("size", ["10 * 0 + 10", "min(width, 100)", "width.bit_length()"])
def test_a_net_whose_size_does_not_grow_with_its_width(study: Study, size: str) -> None:
    net = body(
        f"return nn.Sequential(nn.Flatten(), nn.Linear(64, {size}), nn.Linear({size}, 10))",
        "shape, classes, activation, width: int",
    )
    with pytest.raises(EmcError, match=r"'params': no width has 1e\+06 parameters: there are"):
        study(net, "{architecture: {name: bottleneck, params: 1e6}}")


def test_an_error_in_a_forward_pass_names_its_line(study: Study) -> None:
    net = """
        @emc.architecture("broken")
        class Net(nn.Module):
            def __init__(self, shape, classes, activation):
                super().__init__()
                self.layer = nn.Linear(1, 1)

            def forward(self, x):
                return self.layer(self.missing)
    """
    with pytest.raises(EmcError, match=r"own\.py, line 12: AttributeError: 'Net' object has no"):
        study(dedent(net), "{architecture: broken}")


def test_an_error_that_cannot_say_what_it_is_hides_no_other(study: Study) -> None:
    plugin = """
        class Mute(Exception):
            def __str__(self):
                raise ValueError("no")

        @emc.architecture("mute")
        def mute(shape, classes, activation):
            raise Mute
    """
    with pytest.raises(EmcError, match=r"own\.py, line 11: Mute\n.*'epochs'"):
        study(dedent(plugin), "{architecture: mute}", "{architecture: mute, budget: {epoch: 3}}")


def test_an_interruption_passes_with_its_line(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"^now$"):
        study(body("raise KeyboardInterrupt('now')"), "{architecture: bottleneck}")
    assert caplog.messages == ["interrupted in own.py, line 6"]


def test_a_fault_names_the_cell(study: Study) -> None:
    message = (
        r"^study\.yaml: section 'a', cell \(architecture=bottleneck\[width=0.*\]\): architecture"
    )
    with pytest.raises(EmcError, match=message):
        study(NET, cell("width: 0, squeeze: 1"))
    with pytest.raises(EmcError, match=r"cell \(architecture=bottleneck\[width=3, squeeze=-1\]\)"):
        study(NET, cell("width: 3, squeeze: -1"))


@pytest.mark.parametrize("files", ["[none.py]", "[own.py, none.py]"])
def test_a_plugin_that_is_not_there(study: Study, files: str) -> None:
    message = r"^study\.yaml: plugins: plug-in none\.py: cannot be read: No such file"
    with pytest.raises(EmcError, match=message):
        study(NET, cell("width: 1"), files=files)


def test_an_unknown_data_set_leaves_the_net_untried(study: Study) -> None:
    """Only the prepared data set tells the shape."""
    csv = "dataset: {name: csv, file: a.csv, label: y}"
    (found,) = study(body("return 1 / 0"), f"{{architecture: bottleneck, {csv}}}")
    assert found.cell.architecture.keys == {}


def test_a_study_without_plugins_never_loads_torch(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from emc.study import load_file
        assert load_file(Path(sys.argv[1])).cells
        assert "torch" not in sys.modules
    """
    file = tmp_path / "study.yaml"
    nets = "[{name: vit, params: 1e4}, {name: efficientnet, width: 4}, {name: resnet, width: 3}]"
    file.write_text(
        f"study: s\ndefaults: {{dataset: mnist}}\n"
        f"sections: {{a: {{grid: {{architecture: {nets}}}}}}}"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow")}
    command = [sys.executable, "-c", dedent(program), str(file)]
    subprocess.run(command, env=environment, check=True)


def test_the_plugins_of_a_study(study: Study) -> None:
    study(NET, cell("width: 1"))
    assert load_file(Path("study.yaml")).plugins == ["own.py"]


def test_the_schema_allows_own_names_where_there_are_plugins() -> None:
    part = {
        "architecture": {"name": "bottleneck", "width": 3, "squeeze": 2},
        "activation": "sine",
        "optimizer": {"name": "heavy-ball", "lr": 0.1},
        "dataset": "rings",
    }
    study = {"study": "s", "defaults": part, "sections": {"a": {"grid": part, "cells": [part]}}}
    validator = Draft202012Validator(schema())
    validator.validate({**study, "plugins": ["own.py"]})
    assert not validator.is_valid(study)
    part["architecture"] = {"name": "mlp", "width": 0}
    assert not validator.is_valid({**study, "plugins": ["own.py"]})
