"""What a study's author is told: file, section, cell and key, what was found, what is allowed."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError
from tests.unit.study.files import planned, text

from emc.errors import EmcError
from emc.study.faults import study_faults

STUDY_KEYS = (
    "study, title, emc_version, data_dir, plugins, presets, defaults, sections, certificate,"
    " claims, generalisation"
)
CELL_KEYS = (
    "dataset, labels, architecture, activation, initialisation, parameterisation, optimizer,"
    " schedule, batch, loss, budget, criterion, stopping, finish, search, endpoints, seed"
)
FAMILIES = "linear, mlp, cnn, resnet, vit, efficientnet, mlp-mixer"
ACTIVATIONS = "relu, leaky-relu, gelu, silu, tanh, sigmoid, identity"
A_NAME = "expected lower-case letters, digits and single hyphens"


def grid(key: str, *values: str) -> str:
    return text(f"{{grid: {{{key}: [{', '.join(values)}]}}}}")


def defaults(keys: str) -> str:
    return text("{cells: [{}]}", defaults=f"{{dataset: digits, {keys}}}")


def fault(name: str, content: str, *lines: str) -> object:
    return pytest.param(content, "\n".join(f"FILE: {line}" for line in lines), id=name)


def full_batch(optimizer: str) -> str:
    return (
        f"optimizer '{optimizer}' takes all samples at every step: leave the key out, or exclude"
        " the combination; sgd, adam, adamw, shampoo, muon, soap, sam take batches, and 'defaults'"
        " may have one for them"
    )


MAPPING = "expected a mapping with 'study' and 'sections'"

FILE_FAULTS = [
    fault("empty file", "", f"{MAPPING}, found an empty file"),
    fault(
        "only a comment",
        "# soon",
        "expected a mapping with 'study' and 'sections', found an empty file",
    ),
    fault(
        "a list", "[study, sections]", "expected a mapping with 'study' and 'sections', found list"
    ),
    fault("a word", "study", "expected a mapping with 'study' and 'sections', found str"),
    fault("no keys", "{}", "study: is missing", "sections: is missing"),
    fault(
        "unknown key",
        text("{cells: [{}]}", more="sectons: 1"),
        f"expected one of {STUDY_KEYS}, found the key 'sectons'; did you mean 'sections'?",
    ),
    fault(
        "key of another kind",
        text("{cells: [{}]}", more="1: 1"),
        f"expected one of {STUDY_KEYS}, found the key '1'",
    ),
    fault(
        "title",
        text("{cells: [{}]}", more="title: 3"),
        "title: expected text, found 3: put it in quotes",
    ),
    fault(
        "defaults",
        "study: s\ndefaults:\nsections: {a: {}}",
        "defaults: expected a mapping, found nothing",
    ),
    fault(
        "defaults list",
        text("{cells: [{}]}", defaults="[1]"),
        "defaults: expected a mapping, found [1]",
    ),
    fault(
        "no sections", "study: s\nsections: {}", "sections: expected at least one entry, found {}"
    ),
    fault("null sections", "study: s\nsections:", "sections: expected a mapping, found nothing"),
    fault(
        "scalar section", "study: s\nsections: {a: 3}", "sections.a: expected a mapping, found 3"
    ),
    fault(
        "odd name of a section",
        "study: s\nsections: {A b: {}}",
        f"sections.A b: {A_NAME}, found 'A b'",
    ),
    fault(
        "number as a section's name",
        "study: s\nsections: {1: {}}",
        "sections.1: expected text, found 1: put it in quotes",
    ),
    fault(
        "unknown key of a section",
        text("{gird: {seed: 1}}"),
        "sections.a: expected one of"
        " grid, exclude, include, cells, found the key 'gird'; did you mean 'grid'?",
    ),
    fault("grid", text("{grid: }"), "sections.a.grid: expected a mapping, found nothing"),
    fault(
        "empty axis",
        text("{grid: {seed: []}}"),
        "sections.a.grid.seed: expected at least one entry, found []",
    ),
    fault(
        "number as a key",
        text("{grid: {1: [1]}}"),
        "sections.a.grid.1: expected text, found 1: put it in quotes",
    ),
    fault(
        "cells", text("{cells: {seed: 1}}"), "sections.a.cells: expected a list, found {'seed': 1}"
    ),
    fault(
        "cell", text("{cells: [{seed: 1}, 7]}"), "sections.a.cells.1: expected a mapping, found 7"
    ),
    fault(
        "long values are cut",
        text(f"{{cells: {{seed: {'7' * 200}}}}}"),
        f"sections.a.cells: expected a list, found {{'seed': {'7' * 71} ...",
    ),
    fault(
        "certificate",
        text("{cells: [{}]}", more="certificate: {eps: 0, delta: 1, iterations: 1.5, plateu: 1}"),
        "certificate: expected one of eps, delta,"
        " gradient, plateau, iterations, found the key 'plateu'; did you mean 'plateau'?",
    ),
    fault(
        "numbers of the certificate",
        text("{cells: [{}]}", more="certificate: {eps: 0, delta: 1, iterations: 1.5}"),
        "certificate.eps: expected a number above 0, found 0",
        "certificate.delta: expected a number below 1, found 1",
        "certificate.iterations: expected a whole number, found 1.5",
    ),
    fault(
        "names in other capitals",
        text("{cells: [{dataset: digits, architecture: MLP-Mixer, activation: RELU}]}"),
        "section 'a', cell (dataset=digits, architecture=MLP-Mixer, activation=RELU): architecture:"
        f" expected one of {FAMILIES}, found the name 'MLP-Mixer'; did you mean 'mlp-mixer'?",
        "section 'a', cell (dataset=digits, architecture=MLP-Mixer, activation=RELU): activation:"
        f" expected one of {ACTIVATIONS}, found the value 'RELU'; did you mean 'relu'?",
    ),
    fault(
        "numbers of a step that float32 cannot hold",
        text(
            "{cells: [{dataset: digits, architecture: linear, optimizer: {name: adam,"
            " lr: [1e-50, 0.1], epsilon: 1e-60, weight_decay: 1e300}}]}"
        ),
        *(
            "section 'a', cell (dataset=digits, architecture=linear, optimizer=adam[lr=['1e-50',"
            f" 0.1], epsilon=1e-60, weight_decay=1e300]): optimizer.{key}: expected a number {told}"
            for key, told in (
                ("lr.0", "from 1.2e-38 to 3.4e+38, as float32, found 1e-50"),
                ("epsilon", "from 1.2e-38 to 3.4e+38, as float32, found 1e-60"),
                ("weight_decay", "below 3.4e+38, as float32, found 1e+300"),
            )
        ),
    ),
    fault(
        "budget of too many steps",
        text("{cells: [{dataset: digits, architecture: linear, budget: {steps: 1e9}}]}"),
        "section 'a', cell (dataset=digits, architecture=linear, budget=[steps=1e9]): budget.steps:"
        " expected a number not above 1e+08, found '1e9'",
    ),
    fault(
        "preset of a known name",
        text("{cells: [{}]}", more="presets: {strict: {seed: 1}}"),
        "presets: 'strict' comes with the program: choose another name",
    ),
    fault(
        "preset of a preset",
        text("{cells: [{}]}", more="presets: {mine: {preset: strict}}"),
        "presets: 'mine' names a preset itself: write its keys out",
    ),
]

SECTION_FAULTS = [
    fault("empty section", text("{}"), "section 'a': asks for no cell: give 'grid' or 'cells'"),
    fault(
        "empty grid", text("{grid: {}}"), "section 'a': asks for no cell: give 'grid' or 'cells'"
    ),
    fault(
        "all excluded",
        text("{grid: {seed: 1}, exclude: [{seed: 1}]}"),
        "section 'a': asks for no cell: 'exclude' leaves nothing",
    ),
    fault(
        "empty exclusion",
        text("{grid: {seed: 1}, exclude: [{}]}"),
        "sections.a.exclude.0: expected at least one entry, found {}",
    ),
    fault(
        "idle exclusion",
        text("{grid: {seed: [1, 2]}, exclude: [{seed: 2}, {seed: 3, labels: random}]}"),
        "section 'a': exclude 2: (seed=3, labels=random) matches no combination of the grid",
    ),
    fault(
        "exclusion of an unknown key",
        text("{grid: {seed: 1}, exclude: [{sede.x: 1}]}"),
        "section 'a': exclude 1: expected one of"
        f" preset, {CELL_KEYS}, found the key 'sede.x'; did you mean 'seed'?",
    ),
    fault(
        "the same cell twice",
        text("{grid: {seed: [1, 1e0]}}"),
        "section 'a', cell (seed=1e0): the same cell as (seed=1)",
    ),
    fault(
        "the same cell in grid and cells",
        text("{grid: {seed: [0, 1]}, cells: [{labels: original}]}"),
        "section 'a', cell (labels=original): the same cell as (seed=0)",
    ),
    fault(
        "unknown preset",
        grid("preset", "stric"),
        "section 'a', cell (preset=stric): expected one of"
        " strict, study, study-code, found the preset 'stric'; did you mean 'strict'?",
    ),
    fault(
        "unknown key",
        grid("optimiser", "sgd"),
        "section 'a', cell (optimiser=sgd): expected one of"
        f" {CELL_KEYS}, found the key 'optimiser'; did you mean 'optimizer'?",
    ),
    fault(
        "nothing near",
        grid("colour", "red"),
        f"section 'a', cell (colour=red): expected one of {CELL_KEYS}, found the key 'colour'",
    ),
    fault(
        "unknown field by a dotted key",
        grid("architecture.wdth", "3"),
        "section 'a', cell (architecture.wdth=3): architecture: expected one of"
        " name, width, params, depth, found the key 'wdth'; did you mean 'width'?",
    ),
    fault(
        "a dot too many",
        grid("optimizer.lr.x", "3"),
        "section 'a', cell (optimizer.lr.x=3): optimizer: expected one of"
        " name, lr, momentum, nesterov, weight_decay, found the key 'lr.x'; did you mean 'lr'?",
    ),
    fault(
        "a dot and no field",
        grid("seed.", "3"),
        "section 'a', cell (seed.=3): seed.: 'seed' is 0 and has no fields",
    ),
    fault(
        "unknown name",
        grid("optimizer", "sdg"),
        "section 'a', cell (optimizer=sdg): optimizer: expected one of sgd, gd,"
        " adam, adamw, shampoo, muon, soap, lbfgs, sam, found the name 'sdg'; did you mean 'sgd'?",
    ),
    fault(
        "unknown value",
        grid("activation", "rellu"),
        "section 'a', cell (activation=rellu): activation: expected one of"
        f" {ACTIVATIONS}, found the value 'rellu'; did you mean 'relu'?",
    ),
    fault(
        "one fault of many cells",
        text("{grid: {seed: [1, 2, 3], activation: rellu}}"),
        "section 'a', cell (seed=1, activation=rellu) (and 2 more): activation: expected one of"
        f" {ACTIVATIONS}, found the value 'rellu'; did you mean 'relu'?",
    ),
    fault(
        "a single value where a list may stand",
        grid("optimizer.lr", "-1"),
        "section 'a', cell (optimizer.lr=-1): optimizer.lr: expected a number above 0, found -1",
    ),
    fault(
        "an entry in the label",
        text("{cells: [{optimizer: {name: sgd, lr: [1, 2], momentum: 1}, batch: {size: 4}}]}"),
        "section 'a', cell (optimizer=sgd[lr=[1, 2], momentum=1], batch=[size=4]):"
        " optimizer.momentum: expected a number below 1, found 1",
    ),
    fault(
        "a batch of a full-batch cell",
        text("{cells: [{optimizer: lbfgs, batch: {size: 4}}]}"),
        "section 'a', cell (optimizer=lbfgs, batch=[size=4]): batch: " + full_batch("lbfgs"),
    ),
    fault(
        "an axis of batches across a full-batch optimizer",
        text("{grid: {optimizer: [sgd, gd], batch.size: [8, 16]}}"),
        "section 'a', cell (optimizer=gd, batch.size=8) (and 1 more): batch.size: "
        + full_batch("gd"),
    ),
]


def cell_fault(keys: str, message: str) -> object:
    return fault(keys, defaults(keys), f"section 'a', cell (nothing but the defaults): {message}")


def mlp(size: str) -> str:
    return f"architecture: {{name: mlp, {size}}}"


CELL_FAULTS = [
    cell_fault("seed: 1", "architecture: is missing"),
    cell_fault("architecture: ", "architecture: expected an entry with a 'name', found nothing"),
    cell_fault("architecture: 3", "architecture: expected an entry with a 'name', found 3"),
    cell_fault(
        "architecture: [mlp]", "architecture: expected an entry with a 'name', found ['mlp']"
    ),
    cell_fault(
        "architecture: {width: 4}",
        "architecture: expected an entry with a 'name', found {'width': 4}",
    ),
    cell_fault(
        "architecture: {name: 3}", f"architecture: expected one of {FAMILIES}, found the name '3'"
    ),
    cell_fault(
        "architecture: mlp", "architecture: expected either 'width' or 'params', found neither"
    ),
    cell_fault(
        mlp("width: 4, params: 4"),
        "architecture: expected either 'width' or 'params', found 'width' and 'params'",
    ),
    cell_fault(mlp("width: true"), "architecture.width: expected a number, not true or false"),
    cell_fault(mlp("width: 1.5"), "architecture.width: expected a whole number, found 1.5"),
    cell_fault(mlp("width: wide"), "architecture.width: expected a whole number, found 'wide'"),
    cell_fault(mlp("width: 0"), "architecture.width: expected a number not below 1, found 0"),
    cell_fault(mlp("width: -3"), "architecture.width: expected a number not below 1, found -3"),
    cell_fault(mlp("width: .inf"), "architecture.width: expected a finite number, found inf"),
    cell_fault(mlp("width: 1e400"), "architecture.width: expected a finite number, found inf"),
    cell_fault(mlp("width: 1e30"), "architecture.width: expected a number below 2^63, found 1e+30"),
    cell_fault(
        mlp(f"width: {2**63}"),
        "architecture.width: expected a number below 2^63, found 9223372036854775808",
    ),
    cell_fault(mlp("width: [4]"), "architecture.width: expected a whole number, found [4]"),
    cell_fault(mlp("params: 0"), "architecture.params: expected a number above 0, found 0"),
    cell_fault(mlp("params: .nan"), "architecture.params: expected a finite number, found nan"),
    cell_fault(mlp("params: -.inf"), "architecture.params: expected a finite number, found -inf"),
    cell_fault(
        mlp("params: 1e-400"), "architecture.params: expected a number above 0, found '1e-400'"
    ),
    cell_fault(mlp("params: false"), "architecture.params: expected a number, not true or false"),
    cell_fault(mlp("params: few"), "architecture.params: expected a number, found 'few'"),
    cell_fault(
        mlp("params: 2001-01-01"),
        "architecture.params: expected a number, found 2001-01-01",
    ),
    cell_fault(
        "architecture: {name: cnn, width: 1, depth: 4}",
        "architecture: depth 4 halves 8x8 pixels to nothing",
    ),
    cell_fault(
        mlp("width: 4") + ", parameterisation: {name: subspace, dimension: 400}",
        "parameterisation: expected at most the net's 330 dimensions, found 400",
    ),
    cell_fault(
        mlp("width: 400") + ", parameterisation: {name: subspace, dimension: 1000}",
        "parameterisation: a dense projection of 1000 x 190410 = 1.9e+08 numbers exceeds 1e+07:"
        " choose 'fastfood', 'kronecker' or 'film'",
    ),
    cell_fault(
        mlp("width: 4") + ", parameterisation: {name: subspace, dimension: 1, projection: film}",
        "parameterisation: projection 'film': expected a dimension of 2 or more, found 1",
    ),
    cell_fault(
        mlp("width: 4") + ", parameterisation: {name: low-rank, rank: 4}",
        "parameterisation: factors of rank 4 are no smaller than any of the net's matrices",
    ),
    cell_fault(
        mlp("width: 4") + ", parameterisation: {name: quantised, bits: 17}",
        "parameterisation.bits: expected a number not above 16, found 17",
    ),
    cell_fault(
        mlp("width: 4") + ", parameterisation: quantized",
        "parameterisation: expected one of full, subspace,"
        " low-rank, quantised, found the name 'quantized'; did you mean 'quantised'?",
    ),
    cell_fault(
        mlp("width: 4") + ", optimizer: {name: sgd, lr: []}",
        "optimizer.lr: expected at least one entry, found []",
    ),
    cell_fault(
        mlp("width: 4") + ", optimizer: {name: sgd, lr: [0.1, 0]}",
        "optimizer.lr.1: expected a number above 0, found 0",
    ),
    cell_fault(
        mlp("width: 4") + ", optimizer: {name: sgd, lr: [0.1, 1e-1]}",
        "optimizer.lr: expected each learning rate once, found 0.1 twice",
    ),
    cell_fault(
        mlp("width: 4") + ", optimizer: {name: sgd, nesterov: maybe}",
        "optimizer.nesterov: expected true or false, found 'maybe'",
    ),
    cell_fault(mlp("width: 4") + ", batch: 128", "batch: expected a mapping, found 128"),
    cell_fault(
        mlp("width: 4") + ", criterion: 99.5",
        "criterion: expected a number not above 1, found 99.5",
    ),
    cell_fault(
        mlp("width: 4") + ", labels: {noisy: 0}",
        "labels.fraction: expected a number above 0, found 0",
    ),
    cell_fault(
        mlp("width: 4") + ", labels: {noisy: 0.1, classes: 3}",
        "labels: expected an entry with a 'name', found {'noisy': 0.1, 'classes': 3}",
    ),
    cell_fault(mlp("width: 4") + ", labels: noisy", "labels.fraction: is missing"),
    cell_fault(
        mlp("width: 4") + ", budget: {epochs: 3, steps: 3}",
        "budget: expected either 'epochs' or 'steps', found both",
    ),
    cell_fault(
        mlp("width: 4") + ", search: {method: bayse, tolerance: 0.1}",
        "search.method: expected one of"
        " bayes, walk, bisection, ladder, found the value 'bayse'; did you mean 'bayes'?",
    ),
    cell_fault(
        mlp("width: 4") + ", search: {smallest: 500}, batch: {size: 64}, budget: {steps: 7}",
        "budget.steps: expected at least 8, one epoch of the smallest n, 500, in batches of 64,"
        " found 7",
    ),
    cell_fault(
        mlp("width: 4") + ", finish: {iterations: 0}",
        "finish.iterations: 0 finishes no probe, so that nothing is known of minima: expected"
        " 'search: {aim: budget}' with it",
    ),
    cell_fault(
        mlp("width: 4") + ", search: {smallest: 2000}",
        "search.smallest: expected at most the 1438 samples there are, found 2000",
    ),
    fault(
        "fewer samples than classes",
        text("{cells: [{dataset: {name: gaussian, dimension: 3, samples: 1}}]}"),
        "section 'a', cell (dataset=gaussian[dimension=3, samples=1]): dataset:"
        " 'samples': expected one or more per class, at least 2, found 1",
    ),
    fault(
        "options of a data set",
        text("{cells: [{dataset: {name: image-folder, folder: x, channels: 2}}]}"),
        "section 'a', cell (dataset=image-folder[folder=x, channels=2]): dataset.channels:"
        " expected one of 1, 3, found the value '2'",
    ),
    fault(
        "a column with a name that is a word of YAML",
        text("{cells: [{dataset: {name: csv, file: a.csv, label: on}}]}"),
        "section 'a', cell (dataset=csv[file=a.csv, label=True]): dataset.label: expected text,"
        " found true: yes, no, on and off mean true or false to YAML: put the word in quotes",
    ),
    fault(
        "a column with a date for a name",
        text("{cells: [{dataset: {name: csv, file: a.csv, label: 2024-01-02}}]}"),
        "section 'a', cell (dataset=csv[file=a.csv, label=2024-01-02]): dataset.label: expected"
        " text, found 2024-01-02: put it in quotes",
    ),
    fault(
        "one column in place of a list",
        text("{cells: [{dataset: {name: csv, file: a.csv, label: b, categorical: c}}]}"),
        "section 'a', cell (dataset=csv[file=a.csv, label=b, categorical=c]): dataset.categorical:"
        " expected a list, such as [a, b], found 'c'",
    ),
    fault(
        "images that no memory holds",
        text("{cells: [{dataset: {name: image-folder, folder: a, size: 3e3}}]}"),
        "section 'a', cell (dataset=image-folder[folder=a, size=3e3]): dataset.size: expected a"
        " number not above 2048, found '3e3'",
    ),
    fault(
        "samples that no memory holds",
        text("{cells: [{dataset: {name: gaussian, dimension: 1e7}}]}"),
        "section 'a', cell (dataset=gaussian[dimension=1e7]): dataset: expected at most 1e+11"
        " numbers, 'samples' times 'dimension', found 2e+11",
    ),
    fault(
        "generalisation without keys",
        text("{cells: [{}]}", more="generalisation:"),
        "generalisation: expected a mapping, found nothing: {} takes the defaults",
    ),
    fault(
        "a column of a table",
        text("{cells: [{dataset: {name: csv, file: a.csv, label: b, numeric: [c, b]}}]}"),
        "section 'a', cell (dataset=csv[file=a.csv, label=b, numeric=['c', 'b']]): dataset:"
        " expected each column in one place, found 'b' twice",
    ),
]


@pytest.mark.parametrize(("content", "message"), [*FILE_FAULTS, *SECTION_FAULTS, *CELL_FAULTS])
def test_faults(content: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    wanted = message.replace("FILE", str(file))
    with pytest.raises(EmcError, match=f"^{re.escape(wanted)}$"):
        planned(tmp_path, content)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    with pytest.raises(EmcError, match=r"found -1\n") as caught:
        planned(tmp_path, grid("seed", *(f"-{k}" for k in range(1, 51))))
    *lines, last = str(caught.value).splitlines()
    assert len(lines) == 12
    assert last == "... and 38 more faults"


@pytest.mark.parametrize(
    "name",
    ["123", "on", '""', "A", "a_b", "a b", "a--b", "-a", "a-", "é", '"a\\n"', "a/b", "..", "[a]"],
)
def test_odd_names(name: str, tmp_path: Path) -> None:
    content = text("{cells: [{}]}").replace("study: s", f"study: {name}")
    with pytest.raises(EmcError, match=f": study: (expected text|{A_NAME}), found "):
        planned(tmp_path, content)


def test_the_longest_name(tmp_path: Path) -> None:
    content = text("{cells: [{}]}")
    assert planned(tmp_path, content.replace("study: s", f"study: {'a' * 60}"))
    with pytest.raises(EmcError, match="study: expected at most 60 characters, found 'aaa"):
        planned(tmp_path, content.replace("study: s", f"study: {'a' * 61}"))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    content = dedent("""
        study: s
        defaults: {dataset: digits, architecture: {name: mlp, width: 4}}
        sections:
          one: {grid: {seed: [-1, 0], activation: [relu, rellu]}, exclude: [{seed: 9}]}
          two: {cells: [{optimizer: {name: sgd, lr: -1}}, {budget: {epochs: 0}}]}
          three: {}
    """)
    with pytest.raises(EmcError, match="section") as caught:
        planned(tmp_path, content)
    places = [line.split(": ")[1] for line in str(caught.value).splitlines()]
    assert places == [
        "section 'one', cell (seed=-1, activation=relu) (and 1 more)",
        "section 'one', cell (seed=-1, activation=rellu) (and 1 more)",
        "section 'one'",
        "section 'two', cell (optimizer=sgd[lr=-1])",
        "section 'two', cell (budget=[epochs=0])",
        "section 'three'",
    ]


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        (["1"], [("pair", "expected at least 2 entries, found ['1']")]),
        (["x", "1"], [("pair.0", "expected a whole number, found 'x'")]),
        ([], [("pair", "expected at least 2 entries, found []")]),
    ],
)
def test_a_short_list_is_told_unless_its_entries_are_at_fault(
    entries: list[str], told: list[tuple[str, str]]
) -> None:
    pair = TypeAdapter(dict[str, Annotated[tuple[int, ...], Field(min_length=2)]])
    raw = {"pair": entries}
    with pytest.raises(ValidationError, match="pair") as caught:
        pair.validate_python(raw)
    assert [(one.key, one.message) for one in study_faults("", caught.value, raw)] == told
