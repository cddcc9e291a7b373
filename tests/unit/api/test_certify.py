"""`certify` on anyone's net."""

from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.curvature.nets import Attention, samples, state
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from emc.api.certify import Certified, certify
from emc.curvature import CertificateTolerances
from emc.errors import EmcError
from emc.records import Outcome, Verdict

TENSORS = TensorDataset(*map(torch.from_numpy, samples(20, 3, classes=2)))
LENIENT = CertificateTolerances(gradient=10.0, exact_up_to=0, eps=0.05)


def trained(weight_decay: float) -> tuple[nn.Module, tuple[torch.Tensor, torch.Tensor]]:
    """A small net brought to a minimum by L-BFGS in float64, and its data."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    inputs, labels = samples(40, 3, classes=2)
    data = (torch.from_numpy(inputs), torch.from_numpy(labels))
    optimizer = torch.optim.LBFGS(
        net.parameters(), max_iter=2000, tolerance_grad=1e-9, tolerance_change=1e-14,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> float:
        optimizer.zero_grad()
        decay = sum(value.square().sum() for value in net.parameters())
        loss = nn.functional.cross_entropy(net(data[0].double()), data[1])
        loss = loss + weight_decay / 2 * decay
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)  # type: ignore[arg-type]
    return net, data


def test_a_trained_net_is_at_a_minimum() -> None:
    net, data = trained(weight_decay=0.02)
    found = certify(net, None, data, losses=[0.5] * 10, weight_decay=0.02)
    assert found.verdict is Verdict.MINIMUM
    assert str(found) == repr(found) == f"minimum: {found.reason}"
    assert found.plateau == 0
    assert found.exact
    assert found.spectrum().values[0] == pytest.approx(found.lambda_min)
    assert certify(net, None, data, weight_decay=0.0).verdict is Verdict.UNCONVERGED


def test_a_finish_tells_an_unfinished_net_from_one_at_a_minimum() -> None:
    net, data = trained(weight_decay=0.02)
    still = certify(net, None, data, weight_decay=0.02).finish()
    assert (still.record.outcome, still.record.iterations) == (Outcome.MINIMUM, 0)
    few = (data[0][:5], data[1][:5])
    unfinished = certify(net, None, few).finish()
    assert (unfinished.record.outcome, unfinished.record.accuracy) == (Outcome.FINISHED, 1.0)


def test_parameters_may_be_given_as_tensors_or_arrays() -> None:
    net, data = trained(weight_decay=0.02)
    fresh = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    expected = certify(net, None, data, weight_decay=0.02)
    for given in (dict(net.named_parameters()), state(net), net.state_dict()):
        found = certify(fresh, given, data, weight_decay=0.02)
        assert found.loss == pytest.approx(expected.loss, rel=1e-12)
    arrays = tuple(part.numpy() for part in data)
    assert certify(net, None, arrays, weight_decay=0.02).loss == expected.loss  # type: ignore[arg-type]


def test_lanczos_spectrum_of_an_attention_net() -> None:
    torch.manual_seed(0)
    net = Attention()
    found: Certified = certify(net, None, samples(20, 4, 6, classes=3), tolerances=LENIENT)
    assert not found.exact
    spectrum = found.spectrum(probes=20, steps=30)
    exact = certify(
        net, None, samples(20, 4, 6, classes=3), tolerances=CertificateTolerances(gradient=10.0)
    )
    assert spectrum.mean * 147 == pytest.approx(exact.trace, rel=0.2)
    assert spectrum.values[-1] == pytest.approx(found.lambda_max, rel=1e-3)


def test_too_few_losses_and_a_falling_loss() -> None:
    net, data = trained(weight_decay=0.02)
    few = certify(net, None, data, losses=[0.5] * 9, weight_decay=0.02)
    assert "Too few epochs" in few.reason
    falling = certify(net, None, data, losses=np.linspace(2, 1, 30), weight_decay=0.02)  # type: ignore[arg-type]
    assert falling.verdict is Verdict.UNCONVERGED


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            torch.zeros(20, 3),
            r"data: expected inputs \[N, ...\] and labels \[N\], .* and \(20, 3\)",
        ),
        (torch.full((20,), 0.5), r"data: expected whole numbers as labels, found 0.5 at 0"),
        (torch.zeros(19, dtype=torch.long), r"found \(20, 4, 6\) and \(19,\)"),
        (torch.full((20,), 3), r"labels: expected 0 to 2, .* found 3 to 3"),
        (torch.full((20,), -1), r"labels: expected 0 to 2, .* found -1 to -1"),
    ],
)
def test_labels_are_one_integer_per_sample(labels: torch.Tensor, message: str) -> None:
    inputs, _ = samples(20, 4, 6)
    with pytest.raises(EmcError, match=message):
        certify(Attention(), None, (inputs, labels))


def test_a_net_that_draws_random_numbers_is_refused() -> None:
    class Noisy(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x * torch.rand(3))

    torch.manual_seed(0)
    data = samples(20, 3, classes=9)
    for settings in (LENIENT, CertificateTolerances()):
        with pytest.raises(EmcError, match="Noisy draws random numbers in evaluation mode"):
            certify(Noisy(3, 9), None, data, tolerances=settings)


class Rooted(nn.Linear):
    """Has a gradient everywhere, and no second derivative where a weight is zero."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ (self.weight.abs() ** 1.5).T


def test_a_net_whose_curvature_is_not_a_number_is_refused_as_such() -> None:
    data = samples(20, 3, classes=9)
    net = Rooted(3, 9, bias=False)
    nn.init.zeros_(net.weight)
    for settings in (LENIENT, CertificateTolerances()):
        with pytest.raises(EmcError, match=r"Hessian of the net is not finite \(NaN or inf"):
            certify(net, None, data, tolerances=settings)


def test_what_is_no_net_no_parameters_and_no_data() -> None:
    net, data = nn.Linear(3, 2), samples(20, 3, classes=2)
    wrong: list[tuple[Any, Any, Any, str]] = [
        (net, net.parameters(), data, r"parameters: expected values by name, .*found <generator"),
        (net, list(net.parameters()), data, r"parameters: .*found \[Parameter"),
        (net, net, data, r"parameters: .*found Linear\("),
        (net, {"weight": "a", "bias": 1}, data, r"parameters: 'weight': expected real numbers"),
        (net, {"weight": [[1], [2, 3]]}, data, r"parameters: 'weight': no array: "),
        (lambda x: x, None, data, r"model: expected a torch.nn.Module, found <function"),
        (type(net), None, data, r"model: expected a torch.nn.Module, found the class Linear"),
        (nn.Flatten(), None, data, r"model: .*expected a parameter that requires a gradient"),
        (nn.LazyLinear(2), None, data, r"model: 'weight' belongs to a lazy layer"),
        (net, None, data[0], r"data: expected a tuple .*, found ndarray of shape \(20, 3\)"),
        (net, None, (*data, data), r"data: expected a tuple .*, found a tuple of 3"),
        (net, None, (3, data[1]), r"data: expected a tuple .*, found 3 in the tuple"),
        (net, None, DataLoader(TENSORS), r"data: .*, found a DataLoader: give .* loader.dataset$"),
        (net, None, (data[0] * 1j, data[1]), r"data: inputs: expected real numbers, found complex"),
        (net, None, (np.full((20, 3), np.nan), data[1]), r"data: input 0 is not finite"),
    ]
    for model, parameters, given, message in wrong:
        with pytest.raises(EmcError, match=message) as told:
            certify(model, parameters, given)
        assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": nn.CrossEntropyLoss}, "loss: expected .*, found the class CrossEntropyLoss"),
        ({"loss": 3}, "loss: expected 'cross-entropy', .*, found 3"),
        ({"loss": "hinge"}, "loss: expected cross-entropy or squared-error, found 'hinge'"),
        ({"weight_decay": "0.1"}, "weight_decay: expected a number, found '0.1'"),
        ({"label_smoothing": None}, "label_smoothing: expected a number, found None"),
        ({"class_weights": 2}, "class_weights: expected a sequence of numbers, found 2"),
        ({"class_weights": [1, -1]}, "class weights: expected numbers from 0, found -1.0 for clas"),
        (
            {"class_weights": [1, 1], "loss": "squared-error"},
            "class weights: expected the loss 'cross-entropy'",
        ),
        ({"losses": "1234567890"}, "losses: expected a sequence of numbers, found '1234567890'$"),
        (
            {"class_weights": {0: 1, 1: 2}},
            r"^class_weights: expected a sequence of numbers, found {0: 1, 1: 2}$",
        ),
        ({"class_weights": {1, 2}}, r"^class_weights: expected a sequence .*, found {1, 2}$"),
        ({"losses": {0: 0.5}}, r"^losses: expected a sequence of numbers, found {0: 0.5}$"),
        ({"losses": [[1, 2]]}, "losses: expected a sequence of numbers, found"),
        (
            {"tolerances": {"eps": 1}},
            r"tolerances: expected a CertificateTolerances, found \{'eps': 1\}",
        ),
        ({"mode": "train"}, "mode: expected one of evaluation, training, found 'train'"),
    ],
)
def test_options_that_make_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(EmcError, match=message):
        certify(nn.Linear(3, 2), None, samples(20, 3, classes=2), **given)


def test_a_data_set_of_pairs_is_data_too() -> None:
    net = nn.Linear(3, 2)
    pairs = TensorDataset(*TENSORS.tensors)
    column = (TENSORS.tensors[0], TENSORS.tensors[1].double()[:, None])
    found = [certify(net, None, data) for data in (TENSORS.tensors, pairs, list(pairs), column)]  # type: ignore[call-overload]
    assert len({one.loss for one in found}) == 1


def test_no_grad_and_inference_mode_of_the_caller_do_not_matter() -> None:
    net, data = trained(weight_decay=0.02)
    expected = certify(net, None, data, weight_decay=0.02)
    with torch.inference_mode():
        inside = certify(net, None, data, weight_decay=0.02)
    with torch.no_grad():
        assert certify(net, None, data, weight_decay=0.02).lambda_min == expected.lambda_min
    assert inside.lambda_min == expected.lambda_min


def test_a_certificate_draws_nothing_and_changes_nothing() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)
    ).train()
    before, drawn = net.state_dict(), torch.get_rng_state()
    kept = {name: value.clone() for name, value in before.items()}
    certify(net, None, TENSORS.tensors)
    assert net.training
    assert torch.equal(drawn, torch.get_rng_state())
    assert all(torch.equal(kept[name], value) for name, value in net.state_dict().items())


def test_bfloat16_parameters_and_data_are_read_exactly() -> None:
    torch.manual_seed(0)
    net = nn.Linear(3, 2).bfloat16()
    inputs, labels = TENSORS.tensors
    found = certify(net, None, (inputs.bfloat16(), labels))
    same = certify(nn.Linear(3, 2), net.state_dict(), (inputs.bfloat16().double(), labels))
    assert found.lambda_max == same.lambda_max
    assert certify(net.float(), None, (inputs.bfloat16(), labels)).loss == found.loss


@pytest.mark.parametrize("kind", [">f4", np.longdouble])
def test_numbers_of_other_machines_are_read_exactly(kind: Any) -> None:
    torch.manual_seed(0)
    net, (inputs, labels) = nn.Linear(3, 2), TENSORS.tensors
    values = {name: value.numpy().astype(kind) for name, value in net.state_dict().items()}
    found = certify(net, values, (inputs.numpy().astype(kind), labels.numpy().astype(">i8")))
    assert found.lambda_max == certify(net, None, (inputs, labels)).lambda_max


def test_masked_parameters_are_refused() -> None:
    net = nn.Linear(3, 2)
    values = {
        name: np.ma.masked_array(value.numpy(), True) for name, value in net.state_dict().items()
    }
    with pytest.raises(EmcError, match=r"^parameters: 'weight': expected an array without masked"):
        certify(net, values, TENSORS.tensors)


class Tied(nn.Module):
    """One weight under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 3)
        self.again.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(self.again(self.first(x).tanh()).tanh())
        return logits


def test_a_state_dict_names_tied_weights_twice() -> None:
    torch.manual_seed(0)
    net, data = Tied(), (torch.randn(12, 5), torch.arange(12) % 3)
    assert "again.weight" in net.state_dict()
    found = certify(net, net.state_dict(), data)
    assert found.lambda_min == certify(net, None, data).lambda_min
    other = {**net.state_dict(), "again.weight": torch.zeros(5, 5)}
    with pytest.raises(EmcError, match=r"'first.weight' and 'again.weight' are one weight"):
        certify(net, other, data)
