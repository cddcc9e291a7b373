"""End points of one net: written out or by torch, alone or together."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from tests.unit.curvature.nets import cnn, mlp, parameters, samples, state

from emc.curvature import (
    CertificateTolerances,
    EndPoint,
    Evidence,
    Objective,
    WrittenOperator,
    certify_end_points,
    endpoint,
)  # fmt: skip
from emc.curvature.choose import choose_operator
from emc.curvature.operator import Operator
from emc.errors import EmcError
from emc.nets.build import net as build
from emc.nets.layers import Layers
from emc.nets.module import module
from emc.study.architectures import Vit

LENIENT = CertificateTolerances(gradient=10.0, exact_up_to=0, eps=0.05)


def end_points(layers: Layers, shape: tuple[int, ...], sizes: Sequence[int]) -> list[EndPoint]:
    return [
        EndPoint(parameters(layers, seed), *samples(n, *shape, seed=seed), plateau=0.0, seed=seed)
        for seed, n in enumerate(sizes)
    ]


def numbers(evidence: Evidence) -> list[float]:
    return [
        evidence.loss,
        evidence.gradient_norm,
        evidence.lambda_min,
        evidence.lambda_max,
        evidence.trace,
    ]


@pytest.mark.parametrize(
    "settings", [LENIENT, CertificateTolerances(gradient=10.0)], ids=["lanczos", "exact"]
)
@pytest.mark.parametrize(("layers", "shape"), [(mlp(), (6,)), (cnn("tanh"), (2, 7, 9))])
def test_layers_and_module_give_the_same_certificates(
    layers: Layers, shape: tuple[int, ...], settings: CertificateTolerances
) -> None:
    ends = end_points(layers, shape, [20, 1, 33])
    objective = Objective(weight_decay=0.01)
    written = certify_end_points(layers, ends, objective, tolerances=settings)
    automatic = certify_end_points(lambda: module(layers), ends, objective, tolerances=settings)
    for one, other in zip(written, automatic, strict=True):
        assert one.verdict is other.verdict
        assert one.n == other.n
        assert one.iterations == other.iterations
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-10)


@pytest.mark.parametrize("written", [True, False])
def test_answers_do_not_depend_on_the_neighbours(
    written: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = mlp()
    net = layers if written else (lambda: module(layers))
    ends = end_points(layers, (6,), [20, 7, 33])
    together = certify_end_points(net, ends, Objective(), tolerances=LENIENT)
    monkeypatch.setattr(endpoint, "BASES_BYTES", 1)
    grouped = certify_end_points(net, ends, Objective(), tolerances=LENIENT)
    for index, end in enumerate(ends):
        alone = certify_end_points(net, [end], Objective(), tolerances=LENIENT)[0]
        for found in (together[index], grouped[index]):
            assert found.reason == alone.reason
            assert numbers(found) == pytest.approx(numbers(alone), abs=1e-12)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("layers", "shape"), [(mlp(), (6,)), (cnn("tanh"), (2, 7, 9))])
def test_a_gpu_gives_the_same_certificates(layers: Layers, shape: tuple[int, ...]) -> None:
    ends = end_points(layers, shape, [20, 1, 33])
    factory = partial(module, layers)
    there = certify_end_points(factory, ends, Objective(), tolerances=LENIENT, device="cuda")
    here = certify_end_points(layers, ends, Objective(), tolerances=LENIENT)
    for one, other in zip(there, here, strict=True):
        assert one.verdict is other.verdict
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-10)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_float32_on_a_gpu_reaches_the_same_verdict() -> None:
    ends = end_points(mlp(), (6,), [20, 33])
    rough = replace(LENIENT, precision="float32")
    factory = partial(module, mlp())
    there = certify_end_points(factory, ends, Objective(), tolerances=rough, device="cuda")
    here = certify_end_points(mlp(), ends, Objective(), tolerances=rough)
    assert [one.verdict for one in there] == [one.verdict for one in here]


@pytest.mark.parametrize(("layers", "shape"), [(mlp(), (6,)), (cnn("tanh"), (2, 7, 9))])
def test_a_layered_net_is_certified_on_the_processor_wherever_it_trains(
    layers: Layers, shape: tuple[int, ...]
) -> None:
    ends = end_points(layers, shape, [20, 1, 33])
    there = certify_end_points(layers, ends, Objective(), tolerances=LENIENT, device="cuda")
    here = certify_end_points(layers, ends, Objective(), tolerances=LENIENT)
    assert list(map(numbers, there)) == list(map(numbers, here))


@pytest.mark.parametrize(
    "settings", [LENIENT, CertificateTolerances(gradient=10.0)], ids=["lanczos", "exact"]
)
def test_kernels_and_torch_certify_a_vision_transformer_alike(
    settings: CertificateTolerances, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = build(
        Vit(name="vit", depth=1, width=4, heads=2, patch=4), "gelu", "torch", (1, 8, 8), 4
    )
    ends = [
        EndPoint(state(factory()), *samples(n, 1, 8, 8, seed=n), plateau=0.0, seed=n)
        for n in (20, 33)
    ]
    native = certify_end_points(factory, ends, Objective(), tolerances=settings)
    monkeypatch.setattr(endpoint, "kernels_can", lambda *_: False)
    automatic = certify_end_points(factory, ends, Objective(), tolerances=settings)
    for one, other in zip(native, automatic, strict=True):
        assert (one.verdict, one.iterations) == (other.verdict, other.iterations)
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-10)


def test_no_end_points() -> None:
    assert certify_end_points(mlp(), [], Objective()) == []
    assert certify_end_points(lambda: module(mlp()), [], Objective()) == []


def test_end_point_of_another_net() -> None:
    ends = end_points(mlp(width=7), (6,), [5])
    for net in (mlp(), lambda: module(mlp())):
        with pytest.raises(
            EmcError, match=r"'0.weight': expected the shape \(5, 6\), found \(7, 6\)"
        ):
            certify_end_points(net, ends, Objective())


def test_float32_reaches_the_same_verdict() -> None:
    ends = end_points(mlp(), (6,), [40])
    for net in (mlp(), lambda: module(mlp())):
        rough = CertificateTolerances(gradient=10.0, exact_up_to=0, eps=0.05, precision="float32")
        one = certify_end_points(net, ends, Objective(), tolerances=rough)[0]
        other = certify_end_points(net, ends, Objective(), tolerances=LENIENT)[0]
        assert one.verdict is other.verdict
        assert one.lambda_max == pytest.approx(other.lambda_max, rel=1e-4)


def test_a_layered_net_is_certified_without_torch() -> None:
    program = """
import sys
import numpy as np
from emc.curvature import EndPoint, Objective, certify_end_points
from emc.nets.layers import Dense, initial
layers = (Dense(4, 3, True, "tanh"), Dense(3, 2, True, "identity"))
draw = np.random.default_rng(0)
end = EndPoint(initial(layers, "torch", draw), draw.normal(size=(9, 4)), np.arange(9) % 2, 0.0, 1)
print(certify_end_points(layers, [end], Objective())[0].verdict)
assert "torch" not in sys.modules and "scipy" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("unconverged\n", "")


@pytest.mark.parametrize("made", [choose_operator, WrittenOperator])
def test_a_layered_net_has_no_loss_of_one_s_own(made: Callable[..., Operator]) -> None:
    layers, data = mlp(), samples(9, 6)
    for objective in (Objective(lambda *_: torch.zeros(())), Objective(class_weights=(1.0,) * 4)):
        with pytest.raises(
            EmcError, match="loss of a layered net: expected cross-entropy or squared-e"
        ):
            made(layers, parameters(layers), *data, objective).first_order()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            {"loss": "squared-error", "class_weights": (1.0,)},
            "class weights: expected the loss 'cross-entropy'",
        ),
        ({"class_weights": (1.0, float("inf"))}, "expected numbers from 0, found inf for class 1"),
        (
            {"weight_decay": float("inf")},
            "decay: expected a finite number from 0, found inf",
        ),
        ({"loss": "hinge"}, "loss: expected cross-entropy or squared-error, found 'hinge'"),
        ({"label_smoothing": 1.0}, r"label smoothing: expected a number in \[0, 1\), found 1.0"),
        (
            {"loss": "squared-error", "label_smoothing": 0.1},
            "0.1: expected the loss 'cross-entropy', found 'squared",
        ),
        ({"weight_decay": -1.0}, "weight decay: expected a finite number from 0, found -1.0"),
        (
            {"weight_decay": float("nan")},
            "decay: expected a finite number from 0, found nan",
        ),
    ],
)
def test_objectives_that_make_no_sense(kind: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        Objective(**kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"precision": "float16"}, "precision: expected float64 or float32, found 'float16'"),
        ({"eps": 0.0}, r"eps: expected a number between 0 and 1, found 0\.0"),
        ({"delta": 1.0}, r"delta: expected a number between 0 and 1, found 1\.0"),
        ({"gradient": -1.0}, r"gradient: expected a number from 0, found -1\.0"),
        ({"plateau": float("nan")}, r"plateau: expected a number from 0, found nan"),
        ({"max_iterations": 0}, "max_iterations: expected a number from 1, found 0"),
        ({"exact_up_to": -1}, "exact_up_to: expected a number from 0, found -1"),
    ],
)
def test_settings_that_make_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        CertificateTolerances(**given)
