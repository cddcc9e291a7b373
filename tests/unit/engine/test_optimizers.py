"""The registry of optimizers: complete, and complete in what each optimizer says."""

from dataclasses import fields
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import torch
from tests.unit.engine.cases import procedure
from torch import nn

from emc.engine import Procedure, Update, optimizers
from emc.engine.native import NativeBackEnd
from emc.engine.one_replica import one_replica
from emc.engine.optimizers import known
from emc.engine.optimizers.adam import Adam
from emc.errors import EmcError
from emc.study import optimizers as entries
from emc.study.optimizers import OPTIMIZERS

MODELS = {
    get_args(one.model_fields["name"].annotation)[0]: one
    for one in entries.Keys.__subclasses__()
    if one is not entries.PluginOptimizer
}
SHAPES = [(6, 4), (6,), (3, 6), (3,)]


def test_files_and_the_schema_hold_the_same_names() -> None:
    files = {module.name for module in iter_modules(optimizers.__path__)}
    assert files == set(OPTIMIZERS)
    assert MODELS.keys() == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_constants_are_the_keys_of_the_schema(name: str) -> None:
    constants = {each.name for each in fields(known(name))}
    assert constants == MODELS[name].model_fields.keys() - {"name", "lr"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_constants_that_are_not_given_are_those_of_a_study(name: str) -> None:
    entry = MODELS[name].model_validate({"name": name}).model_dump(exclude={"lr"})
    assert Update(name) == Update(**entry)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_has_a_rule_or_a_reason_and_a_reference(name: str) -> None:
    one = Update(name).optimizer
    parameters = [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]
    reference = one_replica(one, parameters, 0.1, {2})
    assert isinstance(reference, torch.optim.Optimizer)
    if one.alone is None:
        assert all(length > 0 for length in one.rule(SHAPES, {2}).lengths)
    else:
        with pytest.raises(NotImplementedError):
            one.rule(SHAPES, {2})


@pytest.mark.parametrize("name", ["lion", "Adam", "../sgd", "sgd ", ""])
def test_an_unknown_name_is_an_error(name: str) -> None:
    with pytest.raises(EmcError, match="optimizer: expected one of sgd, gd, adam"):
        Update(name)


def test_an_unknown_constant_is_an_error() -> None:
    expected = "optimizer 'gd': expected constants among weight_decay, momentum, found 'nesterov'"
    with pytest.raises(EmcError, match=expected):
        Update("gd", nesterov=True, momentum=0.0)


@pytest.mark.parametrize(
    ("name", "constants", "decay"),
    [
        ("sgd", {"weight_decay": 0.1}, 0.1),
        ("gd", {"weight_decay": 0.1}, 0.1),
        ("adam", {"weight_decay": 0.1}, 0.1),
        ("shampoo", {"weight_decay": 0.1}, 0.1),
        ("sam", {"weight_decay": 0.1}, 0.1),
        ("adamw", {"weight_decay": 0.1}, 0.0),
        ("muon", {"weight_decay": 0.1}, 0.0),
        ("soap", {"weight_decay": 0.1}, 0.0),
        ("lbfgs", {}, 0.0),
    ],
)
def test_coupled_decay(name: str, constants: dict[str, Any], decay: float) -> None:
    one = Update(name, **constants).optimizer
    assert one.coupled_decay == decay
    found = one.with_decay(torch.ones(2), torch.tensor([3.0, -1.0]))
    torch.testing.assert_close(found, torch.tensor([1 + 3 * decay, 1 - decay]))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_steps_of_a_full_batch_optimizer_see_all_samples(name: str) -> None:
    full = name in {"gd", "lbfgs"}
    assert MODELS[name].full_batch == full
    asked = Procedure(classes=2, update=Update(name), epochs=1)
    assert asked.batch == (None if full else 128)


def test_kernels_know_the_simplest() -> None:
    native = NativeBackEnd()
    willing = {n for n in OPTIMIZERS if native.refuses(procedure(update=Update(n))) is None}
    assert willing == {"sgd", "gd", "adam", "adamw"}


def test_a_rule_of_its_own_is_not_trained_by_another_kernel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Signs(Adam):
        def rule(self, shapes: Any, head: Any) -> Any:
            raise AssertionError

    monkeypatch.setattr(optimizers, "named_module", lambda *_: SimpleNamespace(OPTIMIZER=Signs))
    with pytest.raises(EmcError, match=r"Signs.kernel_rule: expected one of its own, as for rule"):
        optimizers.known("adam")
