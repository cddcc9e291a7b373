"""From sections to cells: grids, exclusions, presets, and cells that sections share."""

from pathlib import Path
from textwrap import dedent

import pytest
from tests.unit.study.files import planned, text

from emc.errors import EmcError
from emc.study import PlannedCell, cell_id
from emc.study.identity import canonical
from emc.study.presets import PRESETS


def seeds(cells: tuple[PlannedCell, ...]) -> list[int]:
    return [one.cell.seed for one in cells]


def test_a_grid_runs_in_the_files_order(tmp_path: Path) -> None:
    cells = planned(tmp_path, text("{grid: {seed: [3, 1], activation: [tanh, relu]}}"))
    assert [(one.cell.seed, one.cell.activation) for one in cells] == [
        (3, "tanh"),
        (3, "relu"),
        (1, "tanh"),
        (1, "relu"),
    ]


def test_a_planned_cell_carries_its_identity(tmp_path: Path) -> None:
    (one,) = planned(tmp_path, text("{cells: [{}]}"))
    assert (one.id, one.definition) == (cell_id(one.cell), canonical(one.cell))


@pytest.mark.parametrize("value", ["5", "[5]", "5e0", "'5'"])
def test_a_single_value_is_a_list_of_one(value: str, tmp_path: Path) -> None:
    assert seeds(planned(tmp_path, text(f"{{grid: {{seed: {value}}}}}"))) == [5]


def test_an_entry_is_one_value(tmp_path: Path) -> None:
    cells = planned(tmp_path, text("{grid: {optimizer: {name: sgd, lr: [0.1, 0.2]}}}"))
    assert [one.cell.optimizer.lr for one in cells] == [(0.1, 0.2)]


def test_a_list_of_rates_is_an_axis_and_a_list_in_it_a_grid_of_rates(tmp_path: Path) -> None:
    cells = planned(tmp_path, text("{grid: {optimizer.lr: [0.1, [0.2, 0.3]]}}"))
    assert [one.cell.optimizer.lr for one in cells] == [(0.1,), (0.2, 0.3)]


def test_a_bare_name_keeps_the_defaults_entry(tmp_path: Path) -> None:
    defaults = (
        "{dataset: digits, architecture: {name: mlp, width: 4},"
        " optimizer: {name: sgd, lr: 0.5, momentum: 0.8}}"
    )
    cells = planned(tmp_path, text("{grid: {optimizer: [gd, sgd]}}", defaults=defaults))
    gd, sgd = (one.cell.optimizer for one in cells)
    assert (gd.name, gd.lr, gd.momentum) == ("gd", (0.1, 0.3, 1.0), 0.9)
    assert (sgd.name, sgd.lr, sgd.momentum) == ("sgd", (0.5,), 0.8)


def test_dotted_keys_set_single_fields(tmp_path: Path) -> None:
    section = "{grid: {architecture.width: [2, 3], optimizer: [adam], optimizer.beta1: [0.5]}}"
    cells = planned(tmp_path, text(section))
    assert [one.cell.architecture.width for one in cells] == [2, 3]
    assert {one.cell.architecture.depth for one in cells} == {1}
    assert {one.cell.optimizer.beta1 for one in cells} == {0.5}


def test_exclude_include_and_cells(tmp_path: Path) -> None:
    cells = planned(
        tmp_path,
        text("""
    grid: {seed: [1, 2], labels: [random, original]}
    exclude: [{seed: 1, labels: random}]
    include: [{seed: 9}]
    cells: [{seed: 8, labels: random}]
"""),
    )
    assert [(one.cell.seed, one.cell.labels.name) for one in cells] == [
        (1, "original"),
        (2, "random"),
        (2, "original"),
        (9, "original"),
        (8, "random"),
    ]


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("{seed: 1}", [2, 2]),
        ("{seed: 1e0}", [2, 2]),
        ("{labels: {noisy: 0.1}}", [1, 2]),
        ("{labels: noisy}", [1, 2]),
        ("{labels.fraction: 1e-1, seed: 2}", [1, 1, 2]),
        ("{architecture: mlp, seed: 2}", [1, 1]),
        ("{architecture.width: 4, labels: random}", [1, 2]),
        ("{activation: relu, seed: 1}", [2, 2]),
    ],
)
def test_exclusions_look_at_the_whole_cell(pattern: str, left: list[int], tmp_path: Path) -> None:
    section = f"{{grid: {{seed: [1, 2], labels: [random, {{noisy: 0.1}}]}}, exclude: [{pattern}]}}"
    assert seeds(planned(tmp_path, text(section))) == left


def test_an_excluded_combination_need_not_make_sense(tmp_path: Path) -> None:
    section = """
    grid:
      dataset: [digits, {name: gaussian, dimension: 3}]
      architecture: [{name: mlp, width: 2}, {name: cnn, width: 2}]
    exclude: [{dataset: gaussian, architecture: cnn}]
"""
    assert len(planned(tmp_path, text(section))) == 3


def test_a_cell_of_two_sections_is_one_cell(tmp_path: Path) -> None:
    content = dedent("""
        study: s
        defaults: {dataset: digits, architecture: {name: mlp, width: 4}}
        sections:
          rates: {grid: {optimizer.lr: [0.1, 0.2]}}
          seeds: {grid: {seed: [0, 1]}, cells: [{optimizer: {lr: 1e-1, name: sgd}, seed: 0}]}
    """)
    cells = planned(tmp_path, content)
    assert [one.sections for one in cells] == [
        ("rates", "seeds"),
        ("rates",),
        ("seeds",),
        ("seeds",),
    ]


def test_presets(tmp_path: Path) -> None:
    content = text(
        "{grid: {preset: [strict, study-code, mine]}, cells: [{preset: mine, seed: 5}]}",
        more="presets: {mine: {activation: tanh, seed: 4}}",
    )
    strict, code, mine, other = (one.cell for one in planned(tmp_path, content))
    assert (strict.criterion, strict.batch.order, strict.search.method) == (1.0, "stream", "bayes")
    assert (code.criterion, code.budget.steps, code.budget.epochs) == (0.995, 400_000, None)
    assert (code.batch.size, code.batch.order, code.search.method) == (640, "ragged", "ladder")
    assert (code.schedule.name, code.optimizer.lr) == ("cosine", (0.01,))
    assert (mine.activation, mine.seed) == ("tanh", 4)
    assert (other.activation, other.seed) == ("tanh", 5)


def test_a_preset_of_the_defaults_lies_below_all(tmp_path: Path) -> None:
    defaults = (
        "{preset: study-code, dataset: digits, architecture: {name: mlp, width: 4}, criterion: 0.9}"
    )
    (one,) = planned(tmp_path, text("{cells: [{batch.size: 5}]}", defaults=defaults))
    assert (one.cell.criterion, one.cell.batch.size, one.cell.batch.order) == (0.9, 5, "ragged")


def test_presets_can_be_excluded(tmp_path: Path) -> None:
    section = (
        "{grid: {preset: [strict, study-code], seed: [1, 2]},"
        " exclude: [{preset: study-code, seed: 1}]}"
    )
    assert seeds(planned(tmp_path, text(section))) == [1, 2, 2]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_makes_a_cell(name: str, tmp_path: Path) -> None:
    assert len(planned(tmp_path, text(f"{{cells: [{{preset: {name}}}]}}"))) == 1


def test_ten_thousand_cells(tmp_path: Path) -> None:
    section = f"""
    grid:
      activation: [relu, leaky-relu, tanh, sigmoid, identity]
      labels: [original, random, {{noisy: 0.1}}, {{classes: 5}}]
      architecture: [{{name: mlp, depth: 1}}, {{name: cnn, depth: 1}}]
      architecture.params: [1e3, 2e3, 3e3, 4e3, 6e3, 8e3, 1e4, 2e4, 4e4, 8e4]
      seed: {list(range(25))}
"""
    cells = planned(tmp_path, text(section))
    assert len({one.id for one in cells}) == len(cells) == 10_000


def test_a_grid_too_large_to_write_out_is_refused_by_its_size(tmp_path: Path) -> None:
    axis = list(range(1, 101))
    keys = ("seed", "endpoints", "budget.epochs", "search.probes")
    grid = ", ".join(f"{key}: {axis}" for key in keys)
    wanted = r"section 'a': grid: expected at most 200,000 combinations, found 100,000,000$"
    with pytest.raises(EmcError, match=wanted):
        planned(tmp_path, text(f"{{grid: {{{grid}}}}}"))
