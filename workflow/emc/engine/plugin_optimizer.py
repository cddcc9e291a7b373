"""Optimizers that a plug-in registers."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, ClassVar

from emc.engine.optimizer import Optimizer
from emc.errors import EmcError, shown
from emc.study.optimizers import OPTIMIZERS, PluginOptimizer
from emc.study.plugins import Function, blaming, register

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as Reference


@dataclass(frozen=True, slots=True)
class OptimizerDetails:
    """What the program knows of a plug-in's optimizer."""

    minimises_loss: bool
    check: Callable[[PluginOptimizer], None]


def optimizer(name: str, *, minimises_loss: bool = False) -> Callable[[Function], Function]:
    """Register a function as the optimizer `name` of the studies that name its file.

    The function is called as `function(parameters, lr, **keys)` and makes a
    `torch.optim.Optimizer` of a list of parameters; its groups have a rate `lr`, which the
    schedule sets before each step, and its `step` wants no closure. Weight decay is its own
    affair, and no part of the loss whose gradient is tested. With `minimises_loss` its runs that do
    not fit are finished by a descent of the training loss, to a fit or a minimum; without, nothing
    is said of its minima. The function's further parameters,
    each with a type or a default that is an int, a float, a bool or a str, are the keys of the
    `optimizer` entry of a study.

    Raises:
        EmcError: a name that is none or is taken, or a function with other parameters.
    """
    if name in OPTIMIZERS:
        raise EmcError(f"optimizer {name!r} comes with the program: choose another name")
    return register(
        "optimizer", name, ("parameters", "lr"), OptimizerDetails(minimises_loss, _check)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Made(Optimizer):
    """An optimizer that a function makes of the parameters and the rate, one replica at a time."""

    alone: ClassVar[str | None] = "steps one replica at a time"
    skips_unused: ClassVar[bool] = True

    make: "Callable[[list[nn.Parameter], float], Reference]"

    def reference(
        self,
        parameters: "list[nn.Parameter]",
        lr: float,
        head: Collection[int],  # noqa: ARG002
    ) -> "Reference":
        """As `Optimizer` says."""
        return self.make(parameters, lr)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the optimizer of an entry for a net's parameters and a learning rate."""

    entry: PluginOptimizer

    def __call__(self, parameters: "list[nn.Parameter]", lr: float) -> "Reference":
        """A fresh optimizer.

        Raises:
            EmcError: the plug-in fails, or makes no optimizer with a learning rate.
        """
        registered = self.entry.registered
        with blaming(registered.plugin.file, registered.line):
            made = registered.function(parameters, lr, **self.entry.keys)
        return checked_optimizer(
            f"{registered.place}: optimizer {self.entry.name!r}", made, parameters
        )


def _check(entry: PluginOptimizer) -> None:
    """Make the optimizer of an entry for two matrices, and step once.

    Raises:
        EmcError: the plug-in fails, or makes no optimizer that steps both by their gradients.
    """
    import torch

    weights = [torch.nn.Parameter(torch.eye(2)) for _ in range(2)]
    for weight in weights:
        weight.grad = torch.zeros(2, 2)
    made = Maker(entry)(weights, entry.lr[0])
    with blaming(entry.registered.plugin.file, entry.registered.line):
        made.step()


def checked_optimizer(what: str, made: Any, parameters: "list[nn.Parameter]") -> "Reference":
    """What a user's function made of the parameters, where it is an optimizer that can train them.

    Raises:
        EmcError: it is none, or one without a rate, for other parameters or of many gradients.
    """
    from torch.optim import Optimizer as Reference

    if not isinstance(made, Reference) or any("lr" not in group for group in made.param_groups):
        raise EmcError(
            f"{what}: expected a torch.optim.Optimizer whose groups have a rate 'lr', found"
            f" {shown(made)}"
        )
    _refuse_left_out(what, made, parameters)
    _refuse_closure(what, made)
    return made


def _refuse_closure(what: str, made: "Reference") -> None:
    """Raise where an optimizer's steps ask for gradients as often as they like."""
    closure = signature(made.step).parameters.get("closure")
    if closure is not None and closure.default is Parameter.empty:
        raise EmcError(
            f"{what}: its steps want a closure: give 'lbfgs' or another that steps by one gradient"
        )


def _refuse_left_out(what: str, made: "Reference", parameters: "list[nn.Parameter]") -> None:
    """Raise where an optimizer does not step all of a net: its size would be that of another."""
    held = {id(weight) for group in made.param_groups for weight in group["params"]}
    left_out = [weight for weight in parameters if id(weight) not in held]
    if left_out:
        raise EmcError(
            f"{what}: expected an optimizer of all {len(parameters)} tensors that it is given,"
            f" found one without {len(left_out)}, the first of shape"
            f" {tuple(left_out[0].shape)}: what is not to be trained is frozen in the net, by"
            " requires_grad_(False)"
        )
