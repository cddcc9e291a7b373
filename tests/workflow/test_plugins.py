"""A plug-in from the study to the page, and what an edit of it runs again."""

import pytest
from tests.plugin_files import plugin_file
from tests.workflow.checkout import Checkout

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PLUGIN = """
@emc.architecture("narrow")
def narrow(shape, classes, activation, width: int = 2):
    return nn.Sequential(
        nn.Flatten(), nn.Linear(prod(shape), width), activation, nn.Linear(width, classes)
    )
"""
STUDY = """
study: own
plugins: [my_nets.py]
defaults:
  dataset: {name: gaussian, dimension: 8, samples: 400}
  optimizer: {name: sgd, lr: 0.3}
  budget: {epochs: 20}
  finish: {iterations: 60, effort: 0.1}
  search: {tolerance: 0.5, probes: 8}
sections:
  own: {cells: [{architecture: narrow}]}
  known: {cells: [{architecture: {name: linear}}]}
"""


@pytest.fixture
def checkout(fresh: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    copy = fresh.copy(tmp_path_factory.mktemp("plugin") / "emc")
    plugin_file(copy.folder / "config/my_nets.py", PLUGIN)
    (copy.folder / "config/own.yaml").write_text(STUDY)
    return copy


def test_a_study_with_a_plugin_runs_to_its_page(checkout: Checkout) -> None:
    checkout.snakemake("config/own.yaml")
    assert (checkout.folder / "results/studies/own/index.html").exists()
    assert not checkout.planned("config/own.yaml")
    checkout.edit("config/my_nets.py", "width: int = 2", "width: int = 3")
    rerun = checkout.planned("config/own.yaml")
    assert {rule: rerun[rule] for rule in ("plan", "measure", "certify", "aggregate")} == {
        "plan": 1,
        "measure": 1,
        "certify": 1,
        "aggregate": 1,
    }
    assert "dataset" not in rerun


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            "nn.Flatten()",
            "nn.Flatten()(",
            "config/my_nets.py, line 7: SyntaxError: '(' was never closed\n",
        ),
        ("prod(shape)", "shape", "config/my_nets.py, line 8: TypeError"),
    ],
)
def test_a_fault_stops_all_before_anything_runs(
    checkout: Checkout, before: str, after: str, message: str
) -> None:
    checkout.edit("config/my_nets.py", before, after)
    by_command = checkout.run("emc", "validate", "config/own.yaml", check=False)
    by_workflow = checkout.run("snakemake", "-n", "--configfile", "config/own.yaml", check=False)
    assert by_command.returncode == by_workflow.returncode == 2
    assert message in by_command.stderr
    assert by_command.stderr in by_workflow.stderr


def test_a_net_that_fails_as_it_trains_is_blamed(checkout: Checkout) -> None:
    """It passes `validate`, which tries it in evaluation mode."""
    net = """
@emc.architecture("tired")
class Tired(nn.Module):
    def __init__(self, shape, classes, activation):
        super().__init__()
        self.layer, self.left = nn.Linear(prod(shape), classes), 40

    def forward(self, x):
        self.left -= self.training
        assert self.left > 0, "too tired"
        return self.layer(x.flatten(1))
"""
    checkout.edit("config/my_nets.py", PLUGIN, PLUGIN + net)
    checkout.edit("config/own.yaml", "architecture: narrow", "architecture: tired")
    checkout.snakemake("config/own.yaml", "--until", "measure")
    assert list((checkout.folder / "results/cells").glob("*tired*/failure-measure.json"))
    logs = (checkout.folder / "results/logs/measure").glob("*tired*.log")
    (text,) = (log.read_text() for log in logs)
    assert "error: config/my_nets.py, line 19: AssertionError: too tired" in text
