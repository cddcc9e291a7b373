"""Every figure: that it is drawn, or says what to run."""

from typing import Any

import pytest
from tests.synthetic import SETTINGS, factorial, write_study
from tests.unit.figures.reading import drawn, marks, rows, undefined

from emc.errors import EmcError
from emc.figures import FIGURES, figure
from emc.figures.theme import COLOURS, NEUTRAL
from emc.warehouse import build, open_database

NAMES = [figure.name for figure in FIGURES]
NUMBERS = {"emc-by-classes": "classes", "emc-by-label-noise": "label noise"}
ALIKE = {"emc-by-initialisation", "emc-by-parameterisation", *NUMBERS}
"""Figures of factors that do not vary in the full study."""
DRAWN = [name for name in NAMES if name not in ALIKE]


@pytest.fixture(scope="module")
def lone(tmp_path_factory):
    """A study of one cell, none of whose factors varies."""
    cells = factorial(optimizer=[{"name": "sgd", "lr": 0.1}])
    study = write_study(tmp_path_factory.mktemp("lone"), cells, probes=20)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.fixture(scope="module")
def unmeasured(tmp_path_factory):
    """A study none of whose cells is measured."""
    folder = tmp_path_factory.mktemp("unmeasured")
    study = write_study(folder, factorial(seed=[0, 1]), unmeasured=2)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.fixture(scope="module")
def bounds(tmp_path_factory):
    """A study whose cells all met the end of their data."""
    cells = factorial(architecture=[{"name": "linear"}], labels=["original", "random"])
    study = write_study(tmp_path_factory.mktemp("bounds"), cells, probes=20, uncertified=2)
    build(study.database, study.cells, study.results, SETTINGS)
    with open_database(study.database) as opened:
        yield opened


@pytest.mark.parametrize("name", DRAWN)
def test_a_full_study_draws_every_figure(warehouse, name):
    assert figure(name).lacking(warehouse) is None
    spec = drawn(warehouse, name)
    assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/v6")
    assert spec["description"].endswith((".", ")"))
    assert any(character.isdigit() for character in spec["description"])
    assert undefined(spec) == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_study_without_results_says_what_to_run(unmeasured, name):
    assert figure(name).lacking(unmeasured).endswith((".", "compare."))


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_one_cell_draws_or_says_what_it_lacks(lone, name):
    lacking = figure(name).lacking(lone)
    compares = name.removeprefix("emc-by-")
    if name in NUMBERS:
        assert f"as {NUMBERS[name]}: give a section of the study `grid: {{labels:" in lacking
    elif compares in {
        *("architecture", "labels", "optimizer", "activation"),
        *("initialisation", "parameterisation"),
    }:
        assert f"as {compares}: give a section of the study `grid: {{{compares}:" in lacking
    elif name == "emc-by-learning-rate":
        assert lacking.startswith("Every measured cell has one learning rate")
    elif name == "label-gap":
        assert lacking.startswith("No cell has both a label gap and a test accuracy")
    elif name == "effects":
        assert lacking.startswith("No two measured cells differ in one factor only")
    else:
        assert lacking is None
        assert len(rows(drawn(lone, name)))


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_lower_bounds_draws_or_says_what_it_lacks(bounds, name):
    if figure(name).lacking(bounds) is None:
        drawn(bounds, name)
    for transition in ("fit-by-n", "accuracy-by-n"):
        assert "measure smaller nets" in figure(transition).lacking(bounds)


def test_unknown_figures_are_refused():
    with pytest.raises(EmcError, match=r"figure: expected one of two-numbers, .*, found 'emc'"):
        figure("emc")


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("name", DRAWN)
def test_every_axis_of_numbers_has_a_title(warehouse, name):
    for mark in marks(drawn(warehouse, name)):
        for channel in ("x", "y"):
            entry = mark["encoding"].get(channel, {"datum": 0})
            if entry.get("type") == "quantitative":
                assert entry["title"]


def test_a_factor_keeps_its_colours_from_figure_to_figure(warehouse):
    colours: dict[str, Any] = {}
    for name in ("emc-by-parameters", "accuracy-by-n", "emc-by-learning-rate"):
        for mark in marks(drawn(warehouse, name)):
            scale = mark["encoding"].get("color", {}).get("scale")
            if scale:
                for level, colour in zip(scale["domain"], scale["range"], strict=True):
                    assert colours.setdefault(level, colour) == colour
    assert set(colours) == {"cnn", "linear", "mlp"}
    assert set(colours.values()) <= set(COLOURS)


def test_legends_filter(warehouse):
    spec = drawn(warehouse, "emc-by-parameters")
    (chosen,) = spec["params"]
    assert chosen["bind"] == "legend"
    assert chosen["select"]["fields"] == ["architecture"]


def test_no_level_is_drawn_like_another_or_like_what_belongs_to_none():
    assert len({*COLOURS, NEUTRAL}) == len(COLOURS) + 1
