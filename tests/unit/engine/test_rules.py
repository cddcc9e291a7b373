"""Shampoo, Muon, SOAP, SAM and L-BFGS against their references, step by step."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from tests.unit.engine.cases import (
    BEYOND_SGD,
    CNN,
    LINEAR,
    NormNet,
    assert_same_training,
    mlp,
    procedure,
    replicas,
)
from torch import Tensor, nn

from emc.engine.fresh import fresh
from emc.engine.native import NativeBackEnd
from emc.engine.one_replica import OneReplica
from emc.engine.procedure import TrainedRun, Update
from emc.engine.rows import rows, tensors
from emc.engine.sequential import Sequential
from emc.engine.stacked.compiled import Compiled
from emc.engine.stacked.vmap import Vmap
from emc.errors import EmcError
from emc.nets.noise import seeded
from emc.records import Ended
from emc.seeds import derive

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="torch.jit")
    warnings.filterwarnings("ignore", "`torch.jit", category=DeprecationWarning)
    import pytorch_optimizer

SHAPES = [(5, 5), (5,), (4, 3, 2, 2), (4,), (3, 30)]
"""A square, a convolution, a matrix with a side above the tests' limit, and vectors."""
HEAD = [4]
STEPS = 23


def parameters(shapes: list[tuple[int, ...]]) -> list[nn.Parameter]:
    torch.manual_seed(1)
    return [nn.Parameter(torch.randn(shape)) for shape in shapes]


def assert_same_steps(
    shapes: list[tuple[int, ...]],
    ours: Update,
    reference: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    tolerance: float = 1e-5,
) -> None:
    """Both go the same way on the same random gradients."""
    found, expected = parameters(shapes), parameters(shapes)
    optimizer, theirs = OneReplica(found, ours.optimizer), reference(expected)
    for group in optimizer.param_groups:
        group["lr"] = 0.05
    for step in range(STEPS):
        for own, their in zip(found, expected, strict=True):
            own.grad = torch.randn(own.shape) * (1 + step % 5)
            their.grad = own.grad.clone()
        optimizer.step()
        theirs.step()
        for own, their in zip(found, expected, strict=True):
            torch.testing.assert_close(own, their, rtol=tolerance, atol=tolerance, msg=str(step))


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_shampoo_is_the_reference(decay: float) -> None:
    assert_same_steps(
        SHAPES,
        Update("shampoo", epsilon=1e-3, interval=1, weight_decay=decay, momentum=0.0),
        lambda own: pytorch_optimizer.Shampoo(own, lr=0.05, matrix_eps=1e-3, weight_decay=decay),
        tolerance=1e-4,
    )


@pytest.mark.parametrize("interval", [1, 3])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_soap_is_the_reference(interval: int, decay: float) -> None:
    assert_same_steps(
        SHAPES,
        Update("soap", beta1=0.9, beta2=0.95, weight_decay=decay, interval=interval, largest=20),
        lambda own: pytorch_optimizer.SOAP(
            own,
            lr=0.05,
            betas=(0.9, 0.95),
            weight_decay=decay,
            precondition_frequency=interval,
            max_precondition_dim=20,
        ),
        tolerance=1e-3,
    )


@pytest.fixture
def single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have torch's Muon iterate in float32 as ours does."""
    monkeypatch.setattr(Tensor, "bfloat16", Tensor.clone)


@pytest.mark.usefixtures("single_precision")
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_muon_is_torchs_on_hidden_matrices(decay: float) -> None:
    matrices = [(5, 3), (3, 8), (4, 4)]
    ours = Update("muon", momentum=0.9, weight_decay=decay)
    found, expected = parameters([*matrices, (4, 2)]), parameters([*matrices, (4, 2)])
    theirs = torch.optim.Muon(
        expected[:-1], 0.05, decay, momentum=0.9, adjust_lr_fn="match_rms_adamw"
    )
    optimizer = OneReplica(found, ours.optimizer, [3])
    optimizer.param_groups[0]["lr"] = 0.05
    for _ in range(STEPS):
        for own, their in zip(found, expected, strict=True):
            own.grad = torch.randn(own.shape)
            their.grad = own.grad.clone()
        optimizer.step()
        theirs.step()
        for own, their in zip(found[:-1], expected[:-1], strict=True):
            torch.testing.assert_close(own, their, rtol=1e-5, atol=1e-5)


def test_muon_trains_vectors_and_the_last_matrix_as_adamw_does() -> None:
    shapes = [(4, 4), (4,), (1, 3), (1, 5, 2), (2, 4)]
    found, expected = parameters(shapes), parameters(shapes)
    optimizer = OneReplica(found, Update("muon", momentum=0.9, weight_decay=0.1).optimizer, [4])
    optimizer.param_groups[0]["lr"] = 0.05
    theirs = torch.optim.AdamW(expected[1:], lr=0.05, weight_decay=0.1)
    for _ in range(STEPS):
        for own, their in zip(found, expected, strict=True):
            own.grad = torch.randn(own.shape)
            their.grad = own.grad.clone()
        optimizer.step()
        theirs.step()
    for own, their in zip(found[1:], expected[1:], strict=True):
        torch.testing.assert_close(own, their, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("single_precision")
def test_muon_takes_a_convolution_as_a_matrix_of_filters() -> None:
    conv, flat = parameters([(4, 3, 2, 2), (2, 4)]), parameters([(4, 3, 2, 2), (2, 4)])
    flat[0] = nn.Parameter(flat[0].detach().reshape(4, 12))
    for given in (conv, flat):
        optimizer = OneReplica(given, Update("muon", momentum=0.9, weight_decay=0.0).optimizer, [1])
        optimizer.param_groups[0]["lr"] = 0.05
        torch.manual_seed(2)
        for _ in range(5):
            for own in given:
                own.grad = torch.randn(own.numel()).reshape(own.shape)
            optimizer.step()
    torch.testing.assert_close(conv[0].reshape(4, 12), flat[0])


def test_muon_wants_a_hidden_matrix() -> None:
    with pytest.raises(EmcError, match="'muon': expected a weight matrix besides those that make"):
        Vmap("cpu").run(
            procedure(layers=LINEAR, update=Update("muon", weight_decay=0.0)), replicas([5])
        )


@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.9, 0.1)])
def test_sam_is_the_reference(momentum: float, decay: float) -> None:
    torch.manual_seed(3)
    x, y = torch.randn(12, 6), torch.randint(0, 3, (12,))
    nets = [
        nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3), nn.Linear(3, 3))
        for _ in range(2)
    ]
    nets[1].load_state_dict(nets[0].state_dict())
    settings: dict[str, Any] = {"lr": 0.1, "momentum": momentum, "weight_decay": decay}
    sam = Update("sam", rho=0.2, momentum=momentum, weight_decay=decay).optimizer
    ours = sam.reference(list(nets[0].parameters()), 0.1, ())
    theirs = pytorch_optimizer.SAM(nets[1].parameters(), torch.optim.SGD, rho=0.2, **settings)
    for _ in range(STEPS):
        losses: list[Any] = []
        for net, optimizer in zip(nets, (ours, theirs), strict=True):

            def closure(net: nn.Module = net) -> Tensor:
                net.zero_grad()
                loss = nn.functional.cross_entropy(net(x), y)
                torch.autograd.backward(loss)
                return loss

            if optimizer is theirs:
                losses.append(closure())
            losses.append(optimizer.step(closure))  # type: ignore[arg-type]
        assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
        for own, their in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
            torch.testing.assert_close(own, their, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "constants"),
    [
        ("shampoo", {"momentum": 0.9, "interval": 3, "largest": 20}),
        ("soap", {"interval": 3, "largest": 20}),
        ("muon", {"momentum": 0.9}),
    ],
)
def test_replicas_step_as_alone_whatever_their_steps_and_neighbours(
    name: str, constants: dict[str, Any]
) -> None:
    update = Update(name, **constants)
    alone = [parameters(SHAPES) for _ in range(3)]
    optimizers = [OneReplica(own, update.optimizer, HEAD) for own in alone]
    together = update.optimizer.rule(SHAPES, HEAD)
    weights = rows([torch.stack([p.detach()] * 3) for p in alone[0]])
    state = [torch.zeros(3, length) for length in together.lengths]
    for step in range(12):
        gradient = torch.randn_like(weights)
        gradient[1] = torch.nan
        taken = [step % 3 != 1, True, True]
        counts = [sum(s % 3 != 1 for s in range(step)), step, step]
        rates = np.concatenate(
            [update.optimizer.step_scalars(np.array([0.05]), first) for first in counts]
        )
        stepped, moved = together(weights, state, gradient, torch.from_numpy(rates))
        active = torch.tensor(taken)[:, None]
        weights = torch.where(active, stepped, weights)
        state = [torch.where(active, new, old) for new, old in zip(moved, state, strict=True)]
        for place in (0, 2):
            if not taken[place]:
                continue
            optimizers[place].param_groups[0]["lr"] = 0.05
            for p, own in zip(alone[place], tensors(gradient[place, None], SHAPES), strict=True):
                p.grad = own[0].clone()
            optimizers[place].step()
            expected = rows([p.detach()[None] for p in alone[place]])
            torch.testing.assert_close(weights[place, None], expected, rtol=1e-4, atol=1e-4)
    assert not weights[1].isfinite().any()


SIZES = {1: [37], 8: [40, 3, 16, 17, 5, 40, 31, 23]}
NETS = [{"layers": mlp("tanh")}, {"layers": CNN}]


@pytest.mark.parametrize("many", [1, 8])
@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize(("update", "lr"), BEYOND_SGD)
def test_replicas_in_one_call_train_as_alone(
    many: int, net: dict[str, Any], update: Update, lr: float
) -> None:
    asked = procedure(update=update, **net)
    given = replicas(SIZES[many], lr)
    found, expected = Vmap("cpu").run(asked, given), Sequential("cpu").run(asked, given)
    for run, reference in zip(found, expected, strict=True):
        assert_same_training(run, reference, tolerance=2e-3)


@pytest.mark.parametrize(("update", "lr"), BEYOND_SGD)
def test_a_diverging_replica_leaves_its_neighbours_alone(update: Update, lr: float) -> None:
    given = replicas([40, 40], lr)
    given[1] = replace(given[1], lr=np.inf)
    asked = procedure(update=update, layers=mlp("tanh"))
    runs = Vmap("cpu").run(asked, given)
    assert runs[1].ended is Ended.DIVERGED
    (alone,) = Sequential("cpu").run(asked, given[:1])
    assert_same_training(runs[0], alone, tolerance=2e-3)


@pytest.mark.parametrize(("update", "lr"), BEYOND_SGD)
@pytest.mark.parametrize("n", [1, 2])
def test_few_samples_and_no_rate(update: Update, lr: float, n: int) -> None:
    for rate in (lr, 0.0):
        (run,) = Sequential("cpu").run(procedure(update=update), replicas([n], rate))
        assert run.ended in {Ended.FIT, Ended.BUDGET}
        assert all(np.isfinite(values).all() for values in run.parameters.values())


def test_both_gradients_of_sam_are_counted() -> None:
    asked = procedure(update=Update("sam", rho=0.1, momentum=0.0), epochs=3, criterion=1.0)
    for back_end in (Vmap("cpu"), Sequential("cpu")):
        (run,) = back_end.run(asked, replicas([32], lr=1e-6))
        assert run.gradient_evaluations == 2 * 3 * 32


def test_running_statistics_see_only_the_first_of_sams_points() -> None:
    given = replicas([16], lr=0.0)
    nets = [procedure(layers=None, module=NormNet, update=Update(name)) for name in ("sam", "sgd")]
    sam, sgd = (Sequential("cpu").run(each, given)[0] for each in nets)
    for name, values in sgd.parameters.items():
        np.testing.assert_array_equal(sam.parameters[name], values)


def lbfgs(**changes: Any) -> TrainedRun:
    asked = procedure(update=Update("lbfgs", history=5), batch=None, **changes)
    (run,) = Sequential("cpu").run(asked, replicas([40], lr=1.0))
    return run


def test_lbfgs_iterations_are_those_of_one_call_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    made = torch.optim.LBFGS.step

    def counted(self: torch.optim.LBFGS, closure: Callable[[], Tensor]) -> Tensor:
        def once() -> Tensor:
            calls.append(1)
            return closure()

        return made(self, once)

    monkeypatch.setattr(torch.optim.LBFGS, "step", counted)
    run = lbfgs(epochs=8, criterion=1.0, layers=LINEAR)
    assert run.gradient_evaluations == 40 * len(calls)
    assert run.gradient_evaluations > 40 * run.steps
    (whole,) = replicas([40])
    net = nn.Linear(20, 3, bias=False)
    (start,) = Sequential("cpu").run(
        procedure(layers=LINEAR, epochs=1, batch=None), [replace(whole, lr=0.0)]
    )
    net.weight.data = torch.from_numpy(start.parameters["0.weight"])
    x = torch.from_numpy(whole.inputs[whole.rows]).flatten(1)
    reference = torch.optim.LBFGS(
        net.parameters(), 1.0, 8, max_eval=1000, history_size=5, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        reference.zero_grad()
        loss = nn.functional.cross_entropy(net(x), torch.from_numpy(whole.labels))
        torch.autograd.backward(loss)
        return loss

    made(reference, closure)
    np.testing.assert_allclose(
        run.parameters["0.weight"], net.weight.detach(), rtol=1e-4, atol=1e-5
    )


def test_lbfgs_reaches_the_minimum_of_least_squares() -> None:
    run = lbfgs(layers=LINEAR, loss="squared-error", epochs=200)
    assert run.ended is Ended.STATIONARY
    assert run.gradient_norm < 1e-3


def refusing() -> Iterator[tuple[object, str, str]]:
    for name in ("shampoo", "muon", "soap", "lbfgs", "sam"):
        yield NativeBackEnd(), name, f"the kernels have no rule for the optimizer '{name}'"
    yield Vmap("cpu"), "lbfgs", "follows each replica's own loss"
    yield Compiled("cpu"), "lbfgs", "follows each replica's own loss"
    for name in ("shampoo", "soap"):
        yield Compiled("cpu"), name, f"'{name}' decomposes matrices in some of its steps only"


@pytest.mark.parametrize(("back_end", "name", "reason"), list(refusing()))
def test_back_ends_refuse_with_a_reason(back_end: Vmap, name: str, reason: str) -> None:
    found = back_end.refuses(procedure(update=Update(name)))
    assert found is not None
    assert reason in found


def test_the_others_run_where_they_can() -> None:
    for name in ("shampoo", "muon", "soap", "sam"):
        assert Vmap("cpu").refuses(procedure(update=Update(name))) is None
    for name in ("muon", "sam"):
        assert Compiled("cpu").refuses(procedure(update=Update(name))) is None


class HeadFirst(nn.Module):
    """A net that registers its head before the layers below it."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.a, self.b = nn.Linear(6, 3), nn.Linear(20, 5), nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.b(torch.tanh(self.a(x.flatten(1))))))
        return logits


@pytest.mark.usefixtures("single_precision")
@pytest.mark.parametrize("back_end", [Sequential("cpu"), Vmap("cpu")])
def test_muon_leaves_the_head_to_adamw_wherever_it_is_registered(back_end: Any) -> None:
    asked = procedure(
        layers=None,
        module=HeadFirst,
        update=Update("muon", momentum=0.9, weight_decay=0.1),
        batch=None,
        epochs=6,
    )
    (given,) = replicas([40], lr=0.02)
    net = fresh(asked, given.seed)
    hidden: list[Any] = [net.a.weight, net.b.weight]
    rest = [p for p in net.parameters() if all(p is not own for own in hidden)]
    optimizers = [
        torch.optim.Muon(hidden, 0.02, 0.1, momentum=0.9, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, 0.02, weight_decay=0.1),
    ]
    x, y = torch.from_numpy(given.inputs[given.rows]), torch.from_numpy(given.labels)
    for _ in range(6):
        net.zero_grad()
        torch.autograd.backward(nn.functional.cross_entropy(net(x), y))
        for one in optimizers:
            one.step()
    (run,) = back_end.run(asked, [given])
    for name, values in net.named_parameters():
        np.testing.assert_allclose(run.parameters[name], values.detach(), rtol=1e-4, atol=1e-5)


class Counting(nn.Module):
    """A net that draws once per call in training, and keeps what it drew."""

    drawn: ClassVar[list[float]] = []

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(20, 6), nn.Tanh(), nn.Linear(6, 3))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            factor = torch.rand(())
            self.drawn.append(float(factor))
            x = x * factor
        logits: Tensor = self.net(x)
        return logits


@pytest.mark.parametrize(("name", "batch"), [("sgd", 16), ("sam", 16), ("lbfgs", None)])
def test_each_step_draws_once_however_often_it_takes_the_gradient(
    name: str, batch: int | None
) -> None:
    asked = procedure(
        layers=None, module=Counting, update=Update(name), batch=batch, epochs=8, criterion=1.0
    )
    Counting.drawn.clear()
    (run,) = Sequential("cpu").run(asked, replicas([32], lr=1.0 if name == "lbfgs" else 0.01))
    drawn = Counting.drawn
    assert len(drawn) == run.gradient_evaluations // (batch or 32)
    steps = [value for value, _ in groupby(drawn)]
    assert len(steps) == len(set(drawn)) == run.steps
    if name != "sgd":
        assert len(drawn) > run.steps
    with seeded(derive(0, "noise")):
        assert drawn[0] == float(torch.rand(()))


def test_sam_with_dropout_is_the_reference_with_one_mask_per_step() -> None:
    def made() -> nn.Module:
        return nn.Sequential(
            nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 3)
        )

    update = Update("sam", rho=0.3, momentum=0.9)
    asked = procedure(layers=None, module=made, update=update, batch=None, epochs=5)
    (given,) = replicas([24], lr=0.1)
    net = fresh(asked, given.seed).train()
    theirs = pytorch_optimizer.SAM(net.parameters(), torch.optim.SGD, rho=0.3, lr=0.1, momentum=0.9)
    x, y = torch.from_numpy(given.inputs[given.rows]), torch.from_numpy(given.labels)
    with seeded(derive(given.seed, "noise")):
        for _ in range(5):
            mask = torch.get_rng_state()

            def closure(mask: Tensor = mask) -> Tensor:
                net.zero_grad()
                torch.set_rng_state(mask)
                loss = nn.functional.cross_entropy(net(x), y)
                torch.autograd.backward(loss)
                return loss

            closure()
            theirs.step(closure)  # type: ignore[arg-type]
    (run,) = Sequential("cpu").run(asked, [given])
    for name, values in net.named_parameters():
        np.testing.assert_allclose(run.parameters[name], values.detach(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["shampoo", "soap"])
@pytest.mark.parametrize("due", [0.0, 1.0, 2.0])
def test_a_rule_reads_nothing_from_the_device(name: str, due: float) -> None:
    """A device without numbers: to read one is an error. Scalars lie on the host."""
    shapes = [(3, 4), (3,)]
    rule = Update(name).optimizer.rule(shapes, ())
    weights = torch.zeros(2, 15, device="meta")
    state = [torch.zeros(2, length, device="meta") for length in rule.lengths]
    scalars = torch.tensor([[0.1, 0.1, 1.0, due], [0.1, 0.1, 1.0, 0.0]])
    moved, new = rule(weights, state, weights, scalars)
    assert moved.shape == weights.shape
    assert [each.shape for each in new] == [each.shape for each in state]
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        rule(weights, state, weights, scalars.to("meta"))
