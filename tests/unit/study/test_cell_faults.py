"""What is wrong with a cell: a value that its key does not take, or two that do not go together."""

from pathlib import Path

import pytest
from tests.unit.study.fault_cases import (
    FAMILIES,
    check_refused,
    fault,
)
from tests.unit.study.files import text


def defaults(keys: str) -> str:
    return text("{cells: [{}]}", defaults=f"{{dataset: digits, {keys}}}")


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
        mlp("width: 4") + ", optimizer: {name: sgd, lr: {from: 0.01, widen: 2}}",
        "optimizer.lr: expected a number, or a list of numbers, found {'from': 0.01, 'widen': 2}:"
        " what adds rates beyond an edge that wins is search.widen",
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


@pytest.mark.parametrize(("content", "message"), CELL_FAULTS)
def test_a_cell_with_a_fault(content: str, message: str, tmp_path: Path) -> None:
    check_refused(content, message, tmp_path)
