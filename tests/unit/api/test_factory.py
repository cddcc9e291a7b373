"""What `emc.measure` refuses of a function that makes nets, before anything is trained."""

import copy
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import emc

DRAW = np.random.default_rng(3)
INPUTS = DRAW.standard_normal((60, 6)).astype(np.float32)
LABELS = DRAW.integers(0, 3, 60)


def train(*_: object) -> None:
    raise AssertionError("training began")


def refused(model: Any, message: str, **options: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("emc.api.measure.run_rounds", train)
        with pytest.raises(emc.EmcError, match=message) as told:
            emc.measure(model, (INPUTS, LABELS), **options)
    assert str(told.value).startswith("model: ")
    assert "\n" not in str(told.value)


def mlp(*first: nn.Module) -> nn.Module:
    return nn.Sequential(*first, nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3))


class Changed(nn.Module):
    """An MLP whose logits go through a function of them and the inputs."""

    def __init__(self, change: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.net, self._change = mlp(), change

    def forward(self, x: Tensor) -> Any:
        return self._change(self.net(x), x)


def test_a_shared_net_is_refused() -> None:
    net = mlp()
    refused(lambda: net, "model: expected a fresh net at each call, found the same Sequential")


def test_a_shared_layer_is_refused() -> None:
    shared = nn.Linear(4, 3)
    refused(
        lambda: nn.Sequential(nn.Linear(6, 4), shared),
        r"model: expected a fresh net .* found '1.weight' of the second in the memory of '1",
    )


def test_a_shared_buffer_is_refused() -> None:
    mean = torch.zeros(4)

    def net() -> nn.Module:
        made = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3))
        made[1].running_mean = mean
        return made

    refused(net, "found '1.running_mean' of the second in the memory of", smallest=4)


def test_weights_that_are_views_of_one_tensor_are_refused() -> None:
    weights = torch.randn(7, 6)
    starts = count()

    def net() -> nn.Module:
        made = nn.Linear(6, 3)
        made.weight = nn.Parameter(weights[(start := next(starts) % 4) : start + 3])
        return made

    refused(net, "found 'weight' of the second in the memory of 'weight' of the first")


def test_copies_of_one_net_are_fresh() -> None:
    net = mlp()
    before = copy.deepcopy(net.state_dict())
    with pytest.warns(UserWarning, match="every call gives the same initial weights"):
        emc.measure(lambda: copy.deepcopy(net), (INPUTS, LABELS), epochs=2, probes=2)
    assert all(torch.equal(before[name], now) for name, now in net.state_dict().items())


def test_a_net_that_takes_few_rows_at_once_is_refused() -> None:
    class Short(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x.reshape(-1, 6) + torch.zeros(min(len(x), 50), 1))

    message = r"^model: Short fails on inputs of shape \(60, 6\): The size of tensor a \(60\)"
    refused(Short, message)
    refused(Short, message, optimizer="gd")


def test_weights_that_take_no_part_are_told() -> None:
    class Spare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.spare = mlp(), mlp()
            self.frozen = nn.Parameter(torch.zeros(2), requires_grad=False)

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)

    told = (
        r"^model: 'spare.0.weight', 'spare.0.bias', 'spare.2.weight' \.\.\. took no part in the"
        r" logits: numbers per parameter count what is never trained$"
    )
    with pytest.warns(UserWarning, match=told):
        emc.measure(Spare, (INPUTS, LABELS), epochs=1, probes=1)


def test_weights_that_a_net_ties_within_itself_are_no_fault() -> None:
    def net() -> nn.Module:
        made = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6), nn.Linear(6, 3))
        made[2].weight = made[0].weight
        return made

    found = emc.measure(net, (INPUTS, LABELS), epochs=2, probes=2)
    assert found.estimate.parameters == 36 + 6 + 6 + 18 + 3


def test_nets_of_other_shapes_are_refused() -> None:
    widths = count(4)
    refused(
        lambda: nn.Sequential(nn.Linear(6, width := next(widths)), nn.Linear(width, 3)),
        r"found '0.weight' trained of shape \(4, 6\) at the first call and .* \(5, 6\) at the sec",
    )


def test_nets_of_other_names_are_refused() -> None:
    calls = count()

    def net() -> nn.Module:
        biased = bool(next(calls) % 2)
        return nn.Linear(6, 3, bias=biased)

    refused(net, r"'bias' absent at the first call and trained of shape \(3,\) at the second")


def test_lazy_layers_are_refused() -> None:
    refused(
        lambda: nn.Sequential(nn.LazyLinear(3)),
        "Sequential: '0.weight' belongs to a lazy layer, .*: give the layer its input size",
    )


def test_layers_without_values_are_refused() -> None:
    refused(
        lambda: nn.Sequential(nn.Linear(6, 3, device="meta")),
        "Sequential: '0.weight' is on the device 'meta', without values",
    )


def test_sparse_weights_are_refused() -> None:
    class Sparse(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.eye(6, 3).to_sparse())

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.sparse.mm(self.weight.t(), x.t()).t()

    refused(
        Sparse, "Sparse: 'weight': expected a dense tensor, found one of layout torch.sparse_coo"
    )


@pytest.mark.filterwarnings("ignore:`torch.jit.trace:FutureWarning")
def test_wrapped_and_traced_modules_are_refused() -> None:
    refused(
        lambda: nn.Sequential(nn.DataParallel(nn.Linear(6, 3))),
        "Sequential: a DataParallel cannot be called with other weights than its own: give the",
    )
    refused(
        lambda: torch.jit.trace(nn.Linear(6, 3), torch.zeros(1, 6)),
        "TopLevelTracedModule: a TopLevelTracedModule cannot be called with other weights",
    )


def test_lazy_layers_that_the_factory_ran_are_none() -> None:
    def net() -> nn.Module:
        made = nn.Sequential(nn.LazyLinear(3))
        made(torch.zeros(1, 6))
        return made

    found = emc.measure(net, (INPUTS, LABELS), epochs=2, probes=2)
    assert found.estimate.parameters == 21


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (mlp(), "expected a function that makes a fresh net, found Sequential"),
        (7, "expected a function that makes a fresh net, found 7"),
        (nn.Linear, r"it fails when it is called as model\(\): TypeError: .*in_features"),
        (lambda: None, "module: expected a torch.nn.Module, found None"),
        (lambda: nn.Linear, "module: expected a torch.nn.Module, found the class Linear"),
    ],
)
def test_what_makes_no_nets_is_told(model: Any, message: str) -> None:
    refused(model, f"model: {message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, _: y.detach(), "gives logits without a gradient: they are detached"),
        (
            lambda y, _: y.detach().numpy(),
            r"expected a tensor of logits \[batch, classes\] of shape .*, found a ndarray",
        ),
        (
            lambda y, _: torch.from_numpy(y.numpy()),
            "fails in training on a batch of 1: Can't call numpy",
        ),
        (lambda y, _: y.round().long(), "expected logits of a floating type, found torch.int64"),
        (lambda y, _: y + 0j, "expected logits of a floating type, found torch.complex64"),
        (lambda y, _: y / 0, "gives logits that are not finite before it is trained: -?inf"),
        (lambda y, _: y * torch.nan, "gives logits that are not finite before it is trained: nan"),
        (lambda y, x: y + x.mul_(2).sum(), "changes its inputs in place"),
        (
            lambda y, _: y[:, :2],
            r"expected logits \[batch, classes\] of shape \(2, 3\), found \(2, 2\)",
        ),
        (
            lambda y, _: y.squeeze(),
            r"expected logits .*, found \(3,\).* \(tried on 1 of the samples, the smallest",
        ),
        (lambda _, x: x[:, :3].clone().requires_grad_(), "depend on none of its trainable param"),
    ],
)
def test_nets_that_cannot_train_are_told(change: Callable[..., Any], message: str) -> None:
    refused(lambda: Changed(change), message)


def test_an_operation_without_a_gradient_is_told() -> None:
    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, x: Tensor) -> Tensor:
            return x.clone()

    refused(
        lambda: Changed(lambda y, _: Forward.apply(y)),
        "model: Changed fails as its gradient is taken: ",
    )


def test_a_first_layer_in_place_is_told() -> None:
    refused(lambda: mlp(nn.ReLU(inplace=True)), "Sequential changes its inputs in place")


def test_sparse_gradients_are_told() -> None:
    class Embedded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.out = nn.Embedding(8, 2, sparse=True), nn.Linear(12, 3)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.out(self.table(x.long()).flatten(1))
            return out

    with pytest.raises(
        emc.EmcError, match=r"expected a dense gradient of 'table.weight', found torch.sparse_coo"
    ):
        emc.measure(Embedded, (np.abs(INPUTS), LABELS))


@pytest.mark.parametrize(
    ("options", "batch"),
    [
        ({}, "batch 128, smallest 1"),
        ({"smallest": 2, "batch": 1}, "batch 1, smallest 2"),
        ({"optimizer": "gd"}, "batch all samples, smallest 1"),
    ],
)
def test_batch_normalisation_of_one_row_is_told(options: dict[str, Any], batch: str) -> None:
    refused(
        lambda: nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
        rf"model: Sequential fails in training on a batch of 1: .* the smallest step: {batch}",
        **options,
    )


class Complex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 3, dtype=torch.cfloat))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.cfloat) @ self.w).imag


def with_buffer(dtype: torch.dtype) -> nn.Module:
    made = mlp()
    made.register_buffer("table", torch.zeros(2, dtype=dtype))
    return made


@pytest.mark.parametrize(
    ("model", "name", "dtype"),
    [
        (Complex, "w", "torch.complex64"),
        (lambda: mlp().half(), "0.weight", "torch.float16"),
        (lambda: mlp().bfloat16(), "0.weight", "torch.bfloat16"),
        (lambda: mlp().double(), "0.weight", "torch.float64"),
        (lambda: with_buffer(torch.float64), "table", "torch.float64"),
    ],
)
def test_numbers_of_another_precision_are_refused(model: Any, name: str, dtype: str) -> None:
    refused(model, rf"expected parameters and buffers in float32, found '{name}' in {dtype}: train")


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.cfloat])
def test_buffers_that_no_gradient_meets_may_be_of_any_kind(dtype: torch.dtype) -> None:
    found = emc.measure(lambda: with_buffer(dtype), (INPUTS, LABELS), epochs=2, probes=2)
    assert found.estimate.parameters == 28 + 15


def test_logits_of_another_precision_are_refused() -> None:
    refused(
        lambda: Changed(lambda y, _: y.bfloat16()),
        "model: Changed: expected logits in float32, found torch.bfloat16",
    )


class Noisy(nn.Module):
    """Draws in training."""

    def __init__(self, draw: Callable[[], Any]) -> None:
        super().__init__()
        self.net, self._draw = mlp(), draw

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits * self._draw() if self.training else logits


@pytest.mark.parametrize(
    ("draw", "generator"), [(np.random.random, "numpy"), (random.random, "random")]
)
def test_draws_that_no_seed_reaches_are_refused(draw: Callable[[], Any], generator: str) -> None:
    refused(
        lambda: Noisy(draw),
        f"Noisy draws from the global generator of '{generator}' in training, which no probe's",
    )


def test_draws_from_torch_are_those_of_the_probes_seed() -> None:
    first, again = (
        emc.measure(lambda: Noisy(lambda: torch.rand(())), (INPUTS, LABELS), epochs=2, probes=2)
        for _ in range(2)
    )
    assert [one.run.loss for one in again.records] == [one.run.loss for one in first.records]


def test_draws_in_evaluation_mode_are_refused() -> None:
    refused(
        lambda: Changed(lambda y, _: nn.functional.dropout(y, 0.5)),
        "model: Changed draws random numbers in evaluation mode, so that a fit is a matter of",
    )


class Counting(nn.Module):
    """Answers otherwise at each call, and draws from no generator that anyone can seed."""

    def __init__(self, *, only_in_training: bool) -> None:
        super().__init__()
        self.net, self.calls, self._only_in_training = mlp(), 0, only_in_training

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training or not self._only_in_training
        logits: Tensor = self.net(x)
        return logits * (1 + 0.1 * self.calls)


def test_a_net_that_answers_otherwise_at_each_call_is_refused() -> None:
    said = (
        "Counting answers the same inputs otherwise when they are given again: it keeps something"
        " between its calls that is no buffer, or draws from a generator of its own"
    )
    refused(
        lambda: Counting(only_in_training=False),
        f"model: {said}, so that a fit is a matter of chance",
    )
    with pytest.raises(emc.EmcError, match=f"^{said}: its loss is not a function of its weights$"):
        emc.certify(Counting(only_in_training=False), None, (INPUTS, LABELS))
    emc.certify(Counting(only_in_training=True), None, (INPUTS, LABELS))


def test_surroundings_are_refused() -> None:
    with (
        torch.autocast("cpu", dtype=torch.bfloat16),
        pytest.raises(emc.EmcError, match=r"outside of torch.autocast, found it on for 'cpu'"),
    ):
        emc.measure(mlp, (INPUTS, LABELS))


def test_a_net_with_dropout_measures_in_threads_as_alone() -> None:
    def measured(seed: int) -> list[Any]:
        found = emc.measure(
            lambda: mlp(nn.Dropout(0.2)),
            (INPUTS, LABELS),
            labels="random",
            optimizer={"name": "adam", "lr": 0.03},
            epochs=4,
            batch=16,
            tolerance=0.5,
            probes=4,
            seed=seed,
        )
        return found.probes.select("n", "accuracy", "loss").rows()

    alone = [measured(seed) for seed in range(3)]
    torch.manual_seed(9)
    before = torch.get_rng_state()
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(measured, range(3))) == alone
    assert torch.equal(before, torch.get_rng_state())
