"""Nets that train in another mode than they are examined in: certificates say which was."""

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import samples, state
from torch import Tensor, nn

from emc.curvature import CertificateTolerances, Evidence, Objective, certify_operator, modes
from emc.curvature.autograd import AutogradOperator
from emc.curvature.modes import with_mode
from emc.errors import EmcError
from emc.records import Verdict

DECAYED = Objective(weight_decay=0.05)


def normalised() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 3)).double()


def data(n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    return samples(n, 6, classes=3)


def loss_in_training(net: nn.Module, inputs: np.ndarray, labels: np.ndarray) -> Tensor:
    x, y = torch.from_numpy(inputs).double(), torch.from_numpy(labels)
    decay = torch.stack([p.square().sum() for p in net.parameters()]).sum()
    return nn.functional.cross_entropy(net.train()(x), y) + 0.025 * decay


def trained() -> nn.Module:
    """At a minimum of its loss in training mode, all samples in one batch."""
    net = normalised()
    optimizer = torch.optim.LBFGS(
        net.parameters(), max_iter=3000, tolerance_grad=1e-11, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> float:
        optimizer.zero_grad()
        loss = loss_in_training(net, *data())
        torch.autograd.backward(loss)
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[arg-type]
    net.get_buffer("1.running_mean").zero_()
    return net


def certified(net: nn.Module, n: int = 40, *, training: bool = False) -> Evidence:
    point = AutogradOperator(net, state(net), *data(n), DECAYED, training=training)
    return with_mode(certify_operator(point, plateau=None, seed=0), point)


def hessian_in_training(net: nn.Module) -> np.ndarray:
    names, sizes = zip(*((name, p.numel()) for name, p in net.named_parameters()), strict=True)
    shapes = [p.shape for p in net.parameters()]
    x, y = torch.from_numpy(data()[0]).double(), torch.from_numpy(data()[1])

    def loss(flat: Tensor) -> Tensor:
        parts = [part.view(shape) for part, shape in zip(flat.split(sizes), shapes, strict=True)]
        named = dict(zip(names, parts, strict=True))
        logits = torch.func.functional_call(net.train(), named, (x,))
        return nn.functional.cross_entropy(logits, y) + 0.025 * flat.square().sum()

    flat = torch.cat([p.detach().flatten() for p in net.parameters()])
    found: Tensor = torch.autograd.functional.hessian(loss, flat)
    return found.numpy()


def test_a_minimum_of_what_was_trained_is_told_apart_from_what_is_certified() -> None:
    net = trained()
    found = certified(net)
    assert found.verdict is Verdict.UNCONVERGED
    assert found.gradient_norm > 0.1
    assert re.search(
        r"exceeds 0\.001\. This is the loss in evaluation mode; in training mode, with all samples"
        r" in one batch, it is another, and its gradient norm is [0-9.]+e-\d+\.$",
        found.reason,
    )


def test_the_loss_in_training_mode_can_be_certified() -> None:
    net = trained()
    found = certified(net, training=True)
    assert found.verdict is Verdict.MINIMUM
    assert found.reason.endswith(" the loss in training mode, with all samples in one batch.")
    expected = np.linalg.eigvalsh(hessian_in_training(net))
    assert found.lambda_min == pytest.approx(expected[0], rel=1e-9)
    assert found.lambda_max == pytest.approx(expected[-1], rel=1e-9)
    assert found.loss == pytest.approx(float(loss_in_training(net, *data()).detach()), rel=1e-12)


def test_the_gradient_in_training_mode_is_the_mean_over_batches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(modes, "BATCH", 16)
    net, (inputs, labels) = normalised(), data()
    gradients = []
    for rows in (slice(0, 13), slice(13, 26), slice(26, 40)):
        net.zero_grad()
        torch.autograd.backward(loss_in_training(net, inputs[rows], labels[rows]))
        flat = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
        gradients.append(flat * (rows.stop - rows.start) / 40)
    norm = float(torch.stack(gradients).sum(0).norm())
    assert certified(net).reason.endswith(
        f" with batches of at most 16 samples, it is another, and its gradient norm is {norm:.2g}."
    )


class Louder(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(2 * x if self.training else x)


class Failing(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            raise ValueError("no")
        return super().forward(x)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3)),
            r" draws random numbers, and its ",
        ),
        (lambda: Louder(6, 3), r" it is another, and its gradient norm is "),
        (
            lambda: Failing(6, 3),
            r" it could not be evaluated: Failing fails in training mode on .*no",
        ),
        (lambda: nn.Sequential(nn.Dropout(0.0), nn.Linear(6, 3)), None),
        (lambda: nn.Sequential(nn.Linear(6, 4), nn.LayerNorm(4), nn.Linear(4, 3)), None),
        (lambda: nn.BatchNorm1d(6, track_running_stats=False), None),
    ],
)
def test_what_is_said_of_the_modes(make: Callable[[], nn.Module], said: str | None) -> None:
    torch.manual_seed(0)
    reason = certified(make(), 20).reason
    if said is None:
        assert "mode" not in reason
    else:
        assert re.search(r"This is the loss in evaluation mode; in training mode.*" + said, reason)


def test_dropout_has_no_loss_in_training_mode() -> None:
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3))
    with pytest.raises(EmcError, match=r"draws random numbers in training mode \(from torch\)"):
        certified(net, training=True)


def test_one_sample_alone_is_not_normalised() -> None:
    assert "could not be evaluated: " in certified(normalised(), 1).reason


def test_settings_are_kept() -> None:
    net = normalised()
    rough = AutogradOperator(net, state(net), *data(), DECAYED, precision="float32")
    evidence = certify_operator(
        rough, plateau=None, seed=0, tolerances=CertificateTolerances(gradient=10.0)
    )
    assert rough.in_training(slice(3, 9)).samples == 6
    assert with_mode(evidence, rough).verdict is evidence.verdict
