"""Activations that plug-ins register."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.plugin_files import cell_of

from emc.curvature import EndPoint, Objective, certify_end_points
from emc.engine import Replica, run_probes
from emc.errors import EmcError
from emc.measurement.procedure import procedure
from emc.nets.traced_module import TracedModule
from emc.study import Cell, cell_id
from emc.study.identity import canonical, from_canonical

SINE = """
@emc.activation("sine", gain=1.5)
def sine(x):
    return torch.sin(x)
"""
TANH = """
@emc.activation("own-tanh", gain=5 / 3)
def tanh(x):
    return torch.tanh(x)
"""
MLP = "{name: mlp, width: 40, depth: 2}"


def sine(folder: Path, architecture: str = MLP, more: str = "") -> Cell:
    return cell_of(folder, SINE, f"{{activation: sine, architecture: {architecture}{more}}}")


@pytest.mark.parametrize(
    "architecture",
    [
        MLP,
        "{name: cnn, width: 4}",
        "{name: cnn, width: 4, normalisation: group}",
        "{name: resnet, width: 2, depth: 10}",
        "{name: vit, width: 4, depth: 1}",
        "{name: mlp-mixer, width: 4, depth: 1}",
    ],
)
def test_every_family_takes_it(tmp_path: Path, architecture: str) -> None:
    cell = sine(tmp_path, architecture)
    made = procedure(cell, (1, 8, 8), 10).net
    assert isinstance(made, TracedModule)
    net = made()
    assert "sine" in repr(net)
    assert sum(weight.numel() for weight in net.parameters()) == cell.parameters


def test_the_hidden_layers_are_activated(tmp_path: Path) -> None:
    made = procedure(sine(tmp_path), (1, 8, 8), 10).net
    assert isinstance(made, TracedModule)
    net = made()
    one, one_bias, two, two_bias, head, bias = net.parameters()
    x = torch.randn(3, 1, 8, 8)
    hidden = torch.sin(torch.sin(x.flatten(1) @ one.T + one_bias) @ two.T + two_bias)
    torch.testing.assert_close(net(x), hidden @ head.T + bias)


@pytest.mark.parametrize("rule", ["scaled-normal", "torch"])
def test_weights_start_by_the_cells_rule(tmp_path: Path, rule: str) -> None:
    made = procedure(sine(tmp_path, more=f", initialisation: {rule}"), (1, 8, 8), 10).net
    assert isinstance(made, TracedModule)
    torch.manual_seed(0)
    first, bias, second, *_, last, _ = (weight.detach() for weight in made().parameters())
    for weight, gain in ((first, 1.5), (second, 1.5), (last, 1.0)):
        variance = gain**2 if rule == "scaled-normal" else 1 / 3
        found = float(weight.var()) * weight.shape[1]
        assert found == pytest.approx(variance, rel=6 * (2 / weight.numel()) ** 0.5)
    assert bool((bias == 0).all()) == (rule == "scaled-normal")


def test_it_trains_as_the_programs_own_would(tmp_path: Path) -> None:
    keys = "architecture: {name: mlp, width: 4, depth: 1}, budget: {epochs: 3}, batch: {size: 8}"
    own = procedure(cell_of(tmp_path, TANH, f"{{activation: own-tanh, {keys}}}"), (1, 8, 8), 10)
    known = procedure(cell_of(tmp_path, TANH, f"{{activation: tanh, {keys}}}"), (1, 8, 8), 10)
    draw = np.random.default_rng(0)
    inputs = draw.standard_normal((20, 1, 8, 8)).astype(np.float32)
    replica = Replica(inputs, np.arange(20), draw.integers(10, size=20), seed=3, lr=0.1)
    (one,) = run_probes(own, [replica])
    assert one.back_end == "native"
    start = {
        name.replace("1.", "0.", 1).replace("3.", "1.", 1): v for name, v in one.parameters.items()
    }
    ends = [
        EndPoint(parameters, inputs, replica.labels, one.plateau, 1)
        for parameters in (one.parameters, start)
    ]
    objective = Objective("cross-entropy", 0.0, 0.0)
    (of_plugin,) = certify_end_points(own.net, ends[:1], objective)
    (written,) = certify_end_points(known.net, ends[1:], objective)
    assert of_plugin.loss == pytest.approx(written.loss, rel=1e-9)
    assert of_plugin.lambda_max == pytest.approx(written.lambda_max, rel=1e-6)
    assert of_plugin.lambda_min == pytest.approx(written.lambda_min, rel=1e-6)


def test_its_plugin_is_in_the_id(tmp_path: Path) -> None:
    cell = sine(tmp_path)
    assert "-sine-" in cell_id(cell)
    assert from_canonical(canonical(cell)) == cell
    text = json.loads(canonical(cell))["activation"]
    assert (text["name"], len(text["plugin"]["sha256"])) == ("sine", 64)
    assert cell_id(
        cell_of(tmp_path, SINE + "# 2\n", f"{{activation: sine, architecture: {MLP}}}")
    ) != (cell_id(cell))


@pytest.mark.parametrize(
    ("plugin", "message"),
    [
        (SINE.replace("torch.sin(x)", "torch.sine(x)"), r"own\.py, line 7: AttributeError: module"),
        (
            SINE.replace("torch.sin(x)", "x.sum()"),
            r"line 5: activation 'sine': expected shape \(2, 3\) as of its input, found \(\)",
        ),
        (SINE.replace("torch.sin(x)", "1"), "line 5: activation 'sine': .*, found int"),
        (
            SINE.replace("torch.sin(x)", "x.log()"),
            r"line 5: activation 'sine': expected finite numbers, found nan at x = -3$",
        ),
        (
            SINE.replace("torch.sin(x)", "x.softmax(1)"),
            r"line 5: activation 'sine': expected each number from the number in its place, found"
            r" answers that depend on the numbers beside it$",
        ),
        (
            SINE.replace("torch.sin(x)", "x + torch.rand_like(x)"),
            r"line 5: activation 'sine': equal numbers have other answers when they are given",
        ),
        (
            SINE.replace("torch.sin(x)", "x.detach().sin()"),
            r"line 5: activation 'sine': it has no gradient: compute it by torch, without detach",
        ),
        (
            SINE.replace("torch.sin(x)", "torch.from_numpy(x.numpy())"),
            r"own\.py, line 7: RuntimeError: Can't call numpy\(\) on Tensor that requires grad",
        ),
        *(
            (
                SINE.replace("gain=1.5", f"gain={gain}"),
                rf"line 5: activation 'sine': gain: expected a number above 0, found {found}$",
            )
            for gain, found in (("0", "0"), ("'x'", "'x'"), ("float('nan')", "nan"))
        ),
        (SINE.replace('"sine"', '"relu"'), "line 5: activation 'relu' comes with the program"),
        (SINE.replace("(x)", "(y)"), r"expected the first parameters \(x\), found \(y\)"),
        (SINE.replace('"sine"', '"cosine"'), "activation: .*, found the name 'sine'"),
    ],
)
def test_what_is_no_activation(tmp_path: Path, plugin: str, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        cell_of(tmp_path, plugin, f"{{activation: sine, architecture: {MLP}}}")
