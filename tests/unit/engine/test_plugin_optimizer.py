"""Optimizers that plug-ins register."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.plugin_files import cell_of

from emc.engine import Replica, run_probes
from emc.engine.choose import back_end
from emc.engine.procedure import Procedure
from emc.errors import EmcError
from emc.measurement.procedure import procedure

HEAVY_BALL = """
@emc.optimizer("heavy-ball")
def heavy_ball(parameters, lr, momentum: float = 0.5):
    return torch.optim.SGD(parameters, lr=lr, momentum=momentum)
"""
REST = "architecture: {name: mlp, width: 4, depth: 1}, batch: {size: 8}, budget: {epochs: 4}"


def trained(folder: Path, optimizer: str, plugin: str = HEAVY_BALL) -> Procedure:
    cell = cell_of(folder, plugin, f"{{optimizer: {optimizer}, {REST}}}")
    return procedure(cell, (1, 8, 8), 10)


def returning(value: str) -> str:
    return f"@emc.optimizer('own')\ndef own(parameters, lr):\n    return {value}\n"


def replica() -> Replica:
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((20, 1, 8, 8)).astype(np.float32)
    return Replica(inputs, np.arange(20), draw.integers(10, size=20), seed=3, lr=0.1)


def test_it_trains_as_the_engines_own_would(tmp_path: Path) -> None:
    own = trained(tmp_path, "{name: heavy-ball, lr: 0.1, momentum: 0.9}")
    known = trained(tmp_path, "{name: sgd, lr: 0.1, momentum: 0.9}")
    (one,) = run_probes(own, [replica()])
    (other,) = run_probes(known, [replica()], back_end="sequential")
    assert one.back_end == "sequential"
    np.testing.assert_array_equal(one.epoch_losses, other.epoch_losses)
    for name, values in one.parameters.items():
        np.testing.assert_array_equal(values, other.parameters[name])


def test_a_class_of_torch_is_registered_as_it_is(tmp_path: Path) -> None:
    plugin = "emc.optimizer('torch-sgd')(torch.optim.SGD)\n"
    entry = "{name: torch-sgd, lr: 0.1, momentum: 0.5, nesterov: true}"
    own = trained(tmp_path, entry, plugin)
    (one,) = run_probes(own, [replica()])
    known = trained(tmp_path, "{name: sgd, lr: 0.1, momentum: 0.5, nesterov: true}")
    (other,) = run_probes(known, [replica()], back_end="sequential")
    np.testing.assert_array_equal(one.epoch_losses, other.epoch_losses)
    with pytest.raises(
        EmcError, match=r"one of .*lr, mo.*, found the key 'momentun'; did you mean 'momentum'\?"
    ):
        trained(tmp_path, "{name: torch-sgd, lr: 0.1, momentun: 1}", plugin)


def test_one_that_leaves_parameters_out_is_refused(tmp_path: Path) -> None:
    """Where the study is read; one that depends on the net, where it trains."""
    told = (
        r"line 4: optimizer 'own': expected an optimizer of all {} tensors that it is given, found"
        r" one without 1, the first of shape {}: what is not to be trained is frozen in the net, by"
        r" requires_grad_\(False\)$"
    )
    with pytest.raises(EmcError, match=told.format(2, r"\(2, 2\)")):
        trained(tmp_path, "{name: own, lr: 0.1}", returning("torch.optim.SGD(parameters[1:], lr)"))
    matrices = "torch.optim.SGD([w for w in parameters if w.ndim > 1 or len(w) > 4], lr)"
    own = trained(tmp_path, "{name: own, lr: 0.1}", returning(matrices))
    with pytest.raises(EmcError, match=told.format(4, r"\(4,\)")):
        run_probes(own, [replica()])


@pytest.mark.parametrize("name", ["native", "vmap", "compiled"])
def test_other_back_ends_refuse_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(EmcError, match=r"the optimizer .*'heavy-ball'"):
        back_end(trained(tmp_path, "{name: heavy-ball, lr: 0.1}"), "cpu", name)


def test_the_schedule_sets_its_rate(tmp_path: Path) -> None:
    cell = cell_of(tmp_path, HEAVY_BALL, f"{{optimizer: {{name: heavy-ball, lr: 1}}, {REST}}}")
    warm = cell.model_copy(update={"schedule": cell.schedule.model_copy(update={"warmup": 1.0})})
    plain, rising = (procedure(each, (1, 8, 8), 10) for each in (cell, warm))
    losses = [run_probes(each, [replica()])[0].epoch_losses[0] for each in (plain, rising)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1 / 0", r"own\.py, line 6: ZeroDivisionError"),
        ("3", r"own\.py, line 4: optimizer 'own': expected a torch\.optim\.Optimizer .*, found 3"),
        ("torch.zeros(2, 1)", r"found Tensor of shape \(2, 1\)$"),
        ("torch.optim.Adagrad([])", r"own\.py, line 6: ValueError: optimizer got an empty"),
        ("Nothing()", r"own\.py, line 6: NameError: name 'Nothing' is not defined"),
        (
            "torch.optim.LBFGS(parameters, lr)",
            r"line 4: optimizer 'own': its steps want a closure: give 'lbfgs' or another that steps"
            r" by one gradient$",
        ),
        (
            "torch.optim.SparseAdam(parameters, lr)",
            r"own\.py, line 4: RuntimeError: SparseAdam does not support dense gradients",
        ),
        (
            "torch.optim.lr_scheduler.StepLR(torch.optim.SGD(parameters, lr), 1)",
            r"line 4: optimizer 'own': expected a torch\.optim\.Optimizer .*, found <torch\.",
        ),
    ],
)
def test_what_is_no_optimizer(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(EmcError, match=message) as told:
        trained(tmp_path, "{name: own, lr: 0.1}", returning(value))
    assert "section 'a', cell (" in str(told.value)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        ("heavy-ball", "optimizer.lr: is missing"),
        ("{name: heavy-ball, lr: 0}", "optimizer.lr: expected a number above 0, found 0"),
        ("{name: heavy-ball, lr: 1, momentm: 1}", "found the key 'momentm'; did you mean"),
        (
            "heavy",
            "expected one of sgd, gd, adam, .*, found the name 'heavy'; did you mean 'heavy-ball'.",
        ),
    ],
)
def test_entries_that_do_not_suit_it(tmp_path: Path, optimizer: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        trained(tmp_path, optimizer)


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (
            HEAVY_BALL.replace("momentum: float = 0.5", "momentum: int = 1"),
            "key 'momentum': it is a column of a study's tables, of type float: write `momentum:"
            " float`, or give it another name",
        ),
        (HEAVY_BALL.replace("heavy-ball", "sgd"), "line 5: optimizer 'sgd' comes with the program"),
        (
            HEAVY_BALL.replace("parameters, lr", "lr, parameters"),
            "first parameters .parameters, lr",
        ),
    ],
)
def test_registrations_that_are_refused(tmp_path: Path, plugin: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        trained(tmp_path, "{name: heavy-ball, lr: 0.1}", plugin)


def test_its_rates_are_a_grid(tmp_path: Path) -> None:
    keys = f"{{optimizer: {{name: heavy-ball, lr: [0.3, 0.1]}}, {REST}}}"
    assert cell_of(tmp_path, HEAVY_BALL, keys).optimizer.lr == (0.1, 0.3)


def test_the_global_generator_is_left_alone(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    run_probes(trained(tmp_path, "{name: heavy-ball, lr: 0.1}"), [replica()])
    assert torch.equal(before, torch.random.get_rng_state())
