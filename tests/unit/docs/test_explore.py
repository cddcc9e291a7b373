"""The notebook runs from its first cell to its last on a small database."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
from tests.synthetic import SETTINGS, factorial, write_study

from emc.warehouse import build

NOTEBOOK = Path(__file__).parents[3] / "docs" / "explore.py"


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path):
    pytest.importorskip("marimo")
    study = write_study(tmp_path, factorial(optimizer=["sgd", "gd"], seed=[0, 1, 2]), probes=12)
    build(study.database, study.cells, study.results, SETTINGS)
    spec = spec_from_file_location("explore", NOTEBOOK)
    assert spec is not None
    assert spec.loader is not None
    notebook = module_from_spec(spec)
    spec.loader.exec_module(notebook)
    _, found = notebook.app.run(defs={"database": str(study.database)})
    assert found["by_optimizer"]["optimizer"].to_list() == ["sgd", "gd"]
    assert len(found["measured"]) == 6
    assert any(one.claim.name == "sgd-over-gd" for one in found["findings"])
    assert found["chart"].description
