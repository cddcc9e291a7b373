"""What is wrong with a section: its grid, its exclusions, its presets, keys of no cell."""

from pathlib import Path

import pytest
from tests.unit.study.fault_cases import (
    ACTIVATIONS,
    CELL_KEYS,
    check_refused,
    fault,
    grid,
)
from tests.unit.study.files import text


def full_batch(optimizer: str) -> str:
    return (
        f"optimizer '{optimizer}' takes all samples at every step: leave the key out, or exclude"
        " the combination; sgd, adam, adamw, shampoo, muon, soap, sam take batches, and 'defaults'"
        " may have one for them"
    )


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


@pytest.mark.parametrize(("content", "message"), SECTION_FAULTS)
def test_a_section_with_a_fault(content: str, message: str, tmp_path: Path) -> None:
    check_refused(content, message, tmp_path)
