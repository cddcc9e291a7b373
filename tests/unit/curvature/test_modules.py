"""What modules may be made of: parametrized, pruned, of few bits, of integers, in either mode."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import PLAIN, Squared, samples, state
from torch import Tensor, nn
from torch.nn.utils import parametrizations, prune

from emc.curvature import CertificateTolerances, Objective, certify_operator
from emc.curvature.autograd import AutogradOperator
from emc.errors import EmcError

LANCZOS = CertificateTolerances(gradient=10.0, exact_up_to=0, eps=0.1)


def plain() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))


def operator(net: nn.Module, objective: Objective = PLAIN) -> AutogradOperator:
    return AutogradOperator(net, state(net), *samples(20, 6, classes=3), objective)


def slopes(point: AutogradOperator) -> np.ndarray:
    """The Hessian by central differences of the gradient."""
    step = 1e-5
    rows = []
    for axis in np.eye(len(point.parameters)):
        ahead, behind = (point.at(point.parameters + sign * step * axis) for sign in (1, -1))
        rows.append((ahead.first_order().gradient - behind.first_order().gradient) / (2 * step))
    return np.array(rows)


def weight_normalised(dim: int | None) -> nn.Module:
    net = plain()
    parametrizations.weight_norm(net.get_submodule("0"), dim=dim)  # type: ignore[arg-type]  # torch takes None too
    return net


def weight_normalised_by_a_hook() -> nn.Module:
    net = plain()
    with pytest.warns(FutureWarning, match="weight_norm. is deprecated"):
        nn.utils.weight_norm(net.get_submodule("0"))
    return net


def orthogonal() -> nn.Module:
    net = plain()
    parametrizations.spectral_norm(net.get_submodule("0"))
    return net


@pytest.mark.parametrize(
    "make",
    [
        lambda: weight_normalised(0),
        lambda: weight_normalised(1),
        lambda: weight_normalised(None),
        weight_normalised_by_a_hook,
        orthogonal,
    ],
)
def test_parametrized_weights_have_the_right_curvature(make: Callable[[], nn.Module]) -> None:
    """Torch's own second derivative of `torch._weight_norm` is not symmetric (2.14)."""
    net = make()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = operator(net)
    np.testing.assert_allclose(found.dense(), slopes(found), atol=1e-8)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_weight_that_is_normalised_is_the_one_that_torch_makes() -> None:
    net, found = weight_normalised(0), operator(weight_normalised(0))
    inputs, labels = samples(20, 6, classes=3)
    loss = nn.functional.cross_entropy(net(torch.from_numpy(inputs)), torch.from_numpy(labels))
    assert found.first_order().loss == pytest.approx(float(loss.detach()), rel=1e-6)


def test_a_pruned_net_is_one_whose_masked_weights_do_nothing() -> None:
    net = plain()
    prune.l1_unstructured(net.get_submodule("0"), "weight", 0.5)  # type: ignore[no-untyped-call]
    net(torch.zeros(2, 6))
    found, kept = operator(net), net.get_buffer("0.weight_mask").bool().flatten().numpy()
    bare = plain()
    with torch.no_grad():
        bare.get_parameter("0.weight").mul_(net.get_buffer("0.weight_mask"))
    # A pruned layer lists its bias before its weight.
    order = np.concatenate([np.arange(30, 35), np.arange(30), np.arange(35, 53)])
    masked = np.concatenate([np.ones(5, bool), kept, np.ones(18, bool)])
    expected = operator(bare).dense()[np.ix_(order, order)] * np.outer(masked, masked)
    np.testing.assert_allclose(found.dense(), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.half])
def test_a_net_of_few_bits_is_examined_at_its_own_numbers(dtype: torch.dtype) -> None:
    net = plain().to(dtype)
    wide = {name: value.double().numpy(force=True) for name, value in net.named_parameters()}
    data = samples(20, 6, classes=3)
    found = AutogradOperator(net, wide, *data, PLAIN)
    expected = AutogradOperator(plain(), wide, *data, PLAIN)
    np.testing.assert_array_equal(found.dense(), expected.dense())


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.bool_])
def test_integers_are_numbers_to_a_net_that_takes_no_integers(dtype: type[np.generic]) -> None:
    inputs, labels = samples(20, 6, classes=3)
    whole = (np.abs(inputs) * 3).astype(dtype)
    net = plain()
    found = AutogradOperator(net, state(net), whole, labels, PLAIN)
    expected = AutogradOperator(net, state(net), whole.astype(np.float64), labels, PLAIN)
    np.testing.assert_array_equal(found.dense(), expected.dense())


def test_integers_are_indices_to_an_embedding() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(8, 3))
    draw = np.random.default_rng(0)
    inputs, labels = draw.integers(7, size=(20, 2)), draw.integers(3, size=20)
    found = AutogradOperator(net, state(net), inputs, labels, PLAIN)
    np.testing.assert_allclose(found.dense(), slopes(found), atol=1e-8)
    with pytest.raises(
        EmcError, match=r"IndexError: index out of range in self; as floating-point"
    ):
        AutogradOperator(net, state(net), inputs + 9, labels, PLAIN)


class Rounded(Squared):
    """One whose gradient has no derivative."""

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors  # type: ignore[attr-defined]
        return 2 * x * gradient


class Old(torch.autograd.Function):
    """One in the form that torch's function transforms do not take."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient * 2


class Lopsided(torch.autograd.Function):
    """A product whose second derivative is forgotten on one side."""

    @staticmethod
    def forward(x: Tensor, y: Tensor) -> Tensor:
        return x * y

    @staticmethod
    def setup_context(ctx: object, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, y = ctx.saved_tensors  # type: ignore[attr-defined]
        return gradient * y.detach(), gradient * x


class Calling(nn.Module):
    """Two linear layers with a function of their outputs between them and the head."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.one, self.other, self.head = nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(4, 3)
        self._function = function

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self._function(self.one(x), self.other(x)))
        return logits


def test_an_operation_without_forward_derivatives_is_taken_backwards_twice() -> None:
    found = operator(Calling(lambda x, _: Squared.apply(x)))
    expected = operator(Calling(lambda x, _: x * x))
    assert found.net.twice_backwards
    assert not expected.net.twice_backwards
    np.testing.assert_allclose(found.dense(), expected.dense(), atol=1e-14)


@pytest.mark.parametrize("function", [lambda x, _: Rounded.apply(x), Lopsided.apply])
def test_a_missing_or_wrong_second_derivative_is_told(function: Callable[..., Tensor]) -> None:
    found = operator(Calling(function))
    with pytest.raises(EmcError, match=r"not symmetric: an operation of the net has no second d"):
        found.dense()
    with pytest.raises(EmcError, match=r"not symmetric: an operation of the net has no second d"):
        certify_operator(found, plateau=None, seed=0, tolerances=LANCZOS)


def test_an_operation_that_torch_cannot_differentiate_is_told() -> None:
    with pytest.raises(EmcError, match=r"torch cannot differentiate Calling: RuntimeError: In or"):
        operator(Calling(lambda x, _: Old.apply(x)))


class Odd(nn.Module):
    """A linear layer that answers as it is told to."""

    def __init__(self, answer: Callable[["Odd", Tensor], object]) -> None:
        super().__init__()
        self.layer, self._answer = nn.Linear(6, 3), answer
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> object:
        return self._answer(self, x)


def counted(net: Odd, x: Tensor) -> Tensor:
    net.calls += 1  # type: ignore[assignment]
    logits: Tensor = net.layer(x)
    return logits


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda net, x: {"logits": net.layer(x)}, r"found a dict: .* such as out.logits$"),
        (lambda net, x: net.layer(x)[0], r"Odd: expected logits .*, found torch.float64 of"),
        (lambda net, x: net.layer(x).argmax(-1, keepdim=True), r"found torch.int64 of shape \(8,"),
        (lambda net, x: net.layer(x.mul_(2)), r"Odd changes its inputs in place: "),
        (lambda net, x: net.layer(x * torch.rand(6)), r"draws random numbers in evaluation mode"),
        (lambda net, x: net.layer(x) * np.random.rand(), r"in evaluation mode \(from numpy\)"),
        (counted, r"Odd changes its buffer 'calls' in evaluation mode"),
        (lambda net, x: net.layer(x[:, :5]), r"on inputs of shape \(8, 6\): RuntimeError: mat1"),
        (lambda net, x: net.layer(x).detach(), r"Odd gives logits without a gradient: they are d"),
        (lambda net, x: x[:, :3] * 2, r"or depend on no trained parameter"),
        (lambda net, x: net.missing, r"AttributeError: 'Odd' object has no attribute 'missing'"),
        (lambda net, x: net.layer(x).detach().numpy(), r"expected a tensor .*, found a ndarray"),
    ],
)  # fmt: skip
def test_odd_nets_are_told(answer: Callable[[Odd, Tensor], object], message: str) -> None:
    net = Odd(answer)
    with pytest.raises(EmcError, match=message):
        operator(net)


def test_nets_that_hold_no_numbers_to_vary() -> None:
    data = samples(9, 6, classes=3)
    with pytest.raises(
        EmcError, match=r"Linear: 'weight': expected real numbers, found torch.complex"
    ):
        AutogradOperator(nn.Linear(6, 3, dtype=torch.complex64), {}, *data, PLAIN)
    with pytest.raises(EmcError, match="LazyLinear: 'weight' belongs to a lazy layer"):
        AutogradOperator(nn.LazyLinear(3), {}, *data, PLAIN)
    with pytest.raises(EmcError, match="'weight' is on the device 'meta', without values"):
        AutogradOperator(nn.Linear(6, 3, device="meta"), {}, *data, PLAIN)
    for net in (nn.Linear(6, 3).requires_grad_(False), nn.Flatten()):
        with pytest.raises(
            EmcError, match="expected a parameter that requires a gradient, found none"
        ):
            AutogradOperator(net, {}, *data, PLAIN)


def test_scripted_and_wrapped_nets_are_told() -> None:
    with pytest.warns(FutureWarning, match="torch.jit.script"):
        scripted = torch.jit.script(plain())
    with pytest.raises(EmcError, match=r"a RecursiveScriptModule cannot be called with other weig"):
        operator(scripted)
    with pytest.raises(EmcError, match=r"DataParallel: a DataParallel cannot be called with other"):
        operator(nn.DataParallel(plain()))


def test_a_caller_s_autocast_does_not_round() -> None:
    expected = operator(plain()).dense()
    with torch.autocast("cpu", torch.bfloat16):
        np.testing.assert_array_equal(operator(plain()).dense(), expected)


def test_tensors_beside_the_parameters_are_taken_along() -> None:
    class Shifted(nn.Linear):
        def __init__(self) -> None:
            torch.manual_seed(0)
            super().__init__(6, 3)
            self.mixed = torch.randn(6, 6)

        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x @ self.mixed)

    net = Shifted()
    found = operator(net)
    assert net.mixed.dtype == torch.float32
    np.testing.assert_allclose(found.dense(), slopes(found), atol=1e-8)


def test_class_weights_are_torch_s() -> None:
    weights = (0.5, 2.0, 1.25)
    inputs, labels = samples(20, 6, classes=3)
    x, y = torch.from_numpy(inputs).double(), torch.from_numpy(labels)
    for smoothing in (0.0, 0.2):
        criterion = nn.CrossEntropyLoss(torch.tensor(weights), label_smoothing=smoothing)
        found = operator(plain(), Objective(label_smoothing=smoothing, class_weights=weights))
        own = operator(plain(), Objective(criterion))
        assert own.whole
        assert criterion.weight.dtype == torch.float32
        value = float(criterion.double()(plain().double()(x), y).detach())
        assert found.first_order().loss == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(found.dense(), own.dense(), atol=1e-14)


def _with_float32(logits: Tensor, labels: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, labels, torch.ones(3))


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (Objective(class_weights=(1.0, 2.0)), "expected one for each of 3 classes, found 2"),
        (Objective(class_weights=(0.0, 0.0, 0.0)), "expected one above 0 for the data, found none"),
        (Objective(nn.CrossEntropyLoss(reduction="none")), r"one number, .*, found \(8,\)"),
        (
            Objective(nn.CrossEntropyLoss(reduction="sum")),
            r"^loss: expected the mean over all samples .reduction='mean'., found the sum: it is"
            r" [\d.]+ for 8 samples, and [\d.]+ for each of them twice$",
        ),
        (Objective(lambda logits, labels: 3.0), r"loss: expected one number, .*, found float"),  # type: ignore[arg-type, return-value]
        (Objective(nn.MSELoss()), "the loss fails on logits and labels: RuntimeError: "),
        (Objective(_with_float32), r"Float: logits are float64 here, .* weight\.double\(\)"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_losses_that_do_not_fit_the_net(objective: Objective, message: str) -> None:
    with pytest.raises(EmcError, match=message):
        operator(plain(), objective)


class Looked(nn.Module):
    """Looks its inputs up in a table."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(10, 2), nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.table(x).flatten(1))


class Started(nn.Module):
    """Starts from numbers of its own, in the dtype that it is told or in float32."""

    def __init__(self, dtype: torch.dtype | None = None) -> None:
        super().__init__()
        self.cell, self.head, self.dtype = nn.RNN(2, 4, batch_first=True), nn.Linear(4, 3), dtype

    def forward(self, x: Tensor) -> Tensor:
        start = torch.zeros(1, len(x), 4, dtype=self.dtype)
        return self.head(self.cell(x.reshape(-1, 3, 2), start)[0][:, -1])


def test_what_helps_a_net_that_cannot_take_the_inputs_types() -> None:
    inputs, labels = samples(20, 6, classes=3)
    table = r"^Looked fails in evaluation mode .*: give whole numbers below the length of the table"
    for given in (inputs, np.full((20, 6), 10)):
        with pytest.raises(EmcError, match=rf"{table}, or begin with `x.long\(\)`$"):
            AutogradOperator(Looked(), state(Looked()), given, labels, PLAIN)
    told = (
        r"^Started fails in evaluation mode .*: in float64 it goes on with float32 numbers of its"
        r" own: make them by `torch.zeros\(..., dtype=x.dtype\)`, and write `x.to\(weight.dtype\)`"
        r" for `x.float\(\)`$"
    )
    with pytest.raises(EmcError, match=told):
        AutogradOperator(Started(), state(Started()), inputs, labels, PLAIN)


def test_a_net_whose_own_numbers_are_float64_too_is_certified() -> None:
    """The remedy of the error above, against the same net without a start of its own."""
    net, inputs = Started(torch.float64), samples(20, 6, classes=3)
    with_start = AutogradOperator(net, state(net), *inputs, PLAIN).first_order()

    class Unstarted(Started):
        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.cell(x.reshape(-1, 3, 2))[0][:, -1])

    without = AutogradOperator(Unstarted(), state(net), *inputs, PLAIN).first_order()
    np.testing.assert_allclose(with_start.gradient, without.gradient, rtol=1e-12, atol=1e-15)
