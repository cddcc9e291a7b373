"""What is wrong with a study file as a whole: its keys, its sections, its names."""

from pathlib import Path

import pytest
from tests.unit.study.fault_cases import (
    A_NAME,
    ACTIVATIONS,
    FAMILIES,
    check_refused,
    fault,
)
from tests.unit.study.files import planned, text

from emc.errors import EmcError

STUDY_KEYS = (
    "study, title, emc_version, data_dir, plugins, presets, defaults, sections, certificate,"
    " claims, generalisation"
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


@pytest.mark.parametrize(("content", "message"), FILE_FAULTS)
def test_a_file_with_a_fault(content: str, message: str, tmp_path: Path) -> None:
    check_refused(content, message, tmp_path)


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
