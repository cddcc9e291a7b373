"""The optimizer of `emc.measure`: one of a study's, one registered here, or one of torch's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from torch import nn
from torch.optim import Optimizer as Reference

from emc.api.entries import entry_of, plain
from emc.engine import Update
from emc.engine.plugin_optimizer import Made, checked_optimizer
from emc.errors import EmcError, shown, with_kind
from emc.measurement.procedure import update
from emc.study.faults import report, study_faults
from emc.study.optimizers import OPTIMIZERS, Optimizer, Rates
from emc.study.plugins import of_kind, registered_here

_DECAYS: Final = {"weight_decay": "weight decay", "lambd": "decay 'lambd'"}
"""Constants of torch's optimizers that shrink the weights; ASGD has the second, by default too."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An optimizer with the learning rates to try.

    `minimises_otherwise` says why it may minimise something else than the training loss, or None;
    `decay_apart` as a study's optimizers have it.
    """

    update: Update
    rates: tuple[float, ...]
    minimises_otherwise: str | None
    decay_apart: str | None = None


def choose(entry: Any) -> Chosen:
    """The optimizer that an argument names.

    Raises:
        EmcError: it names none, or the optimizer has no such constants.
    """
    if isinstance(entry, Reference):
        raise EmcError(
            "optimizer: expected the class, since each net has an optimizer of its own, found"
            f" {type(entry).__name__} of one net: give {{'name':"
            f" torch.optim.{type(entry).__name__}, 'lr': 0.001}}"
        )
    keys = dict(entry) if isinstance(entry, Mapping) else {"name": entry}
    registered = of_kind("optimizer", registered_here())
    names = {one.function: name for name, one in registered.items()}
    named = keys.get("name")
    if callable(named) and named not in names:
        del keys["name"]
        return _made(named, keys)
    if callable(named):
        keys["name"] = names[named]
    elif not isinstance(named, str) and not isinstance(entry, Mapping):
        raise EmcError(
            "optimizer: expected a name or an entry as in a study file, such as {'name': 'adam',"
            " 'lr': 0.001}, or a class of torch.optim, such as {'name': torch.optim.RMSprop, 'lr':"
            f" 0.001}}, found {shown(entry)}; known names are"
            f" {', '.join([*OPTIMIZERS, *names.values()])}"
        )
    known: Any = entry_of("optimizer", Optimizer, keys)
    return Chosen(update(known), known.lr, known.minimises_otherwise, known.decay_apart)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the optimizer of a net's parameters and a learning rate by a user's function."""

    make: Callable[..., Any]
    constants: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        function = getattr(self.make, "func", self.make)
        return str(getattr(function, "__name__", type(function).__name__))

    def __call__(self, parameters: list[nn.Parameter], lr: float) -> Reference:
        try:
            made = self.make(parameters, lr=lr, **self.constants)
        except Exception as error:
            raise EmcError(f"optimizer: {self.name} fails: {with_kind(error)}") from error
        return checked_optimizer(f"optimizer: {self.name}", made, parameters)


def _made(make: Callable[..., Any], keys: dict[str, Any]) -> Chosen:
    rates = keys.pop("lr", _default(make, "lr"))
    maker = _Maker(make, keys)
    if rates is None:
        raise EmcError(
            f"optimizer: {maker.name}: expected learning rates: give {{'name': {maker.name}, 'lr':"
            " [0.001, 0.01]}"
        )
    try:
        checked = TypeAdapter(Rates).validate_python(plain(rates))
    except ValidationError as error:
        raise EmcError(report("optimizer", study_faults("lr", error, rates))) from None
    doubt = _doubt(make, maker)
    return Chosen(Update(maker.name, Made(make=maker)), checked, doubt)


def _default(make: Callable[..., Any], name: str) -> float | None:
    """A number by default of what torch has; None where there is none, or it cannot be told."""
    try:
        number = signature(make).parameters[name].default
    except (KeyError, TypeError, ValueError):
        return None
    return number if isinstance(number, float | int) else None


def _doubt(make: Callable[..., Any], maker: _Maker) -> str | None:
    """Why it may minimise something else than the training loss: only torch's own are known."""
    kind = getattr(make, "func", make)
    constants = {**getattr(make, "keywords", {}), **maker.constants}
    if getattr(kind, "__module__", "").startswith("torch.optim."):
        return _doubt_of_torchs(kind, constants, maker.name)
    return (
        f"{maker.name} does not say that it minimises the training loss, as a function registered"
        " by @emc.optimizer(..., minimises_loss=True) does"
    )


def _doubt_of_torchs(kind: Any, constants: Mapping[str, Any], name: str) -> str | None:
    if constants.get("maximize"):
        return f"{name} maximises the training loss (maximize)"
    for key, decay in _DECAYS.items():
        if constants.get(key, _default(kind, key)):
            return f"the {decay} of {name} is no known part of the training loss"
    return None
