"""A torch module as a function of its parameters, and the derivatives of its loss."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from math import prod
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp

from emc.curvature.arithmetic import differentiable_arithmetic
from emc.curvature.copied import copied
from emc.curvature.objective import Objective
from emc.curvature.parameters import NamedShapes, check_parameters
from emc.curvature.row_losses import Rows, refuse_sum, row_losses
from emc.error_texts import says_mixed_precision, says_no_memory
from emc.errors import EmcError, with_kind
from emc.nets.inspection import structure

TensorDict = dict[str, Tensor]


class DifferentiatedNet:
    """A copy of a module in one mode and one precision; `shapes` are those it trains.

    `twice_backwards` says that products come from two passes backwards: slower, and possible
    where an operation has no forward derivative.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        precision: str,
        device: str,
        *,
        training: bool = False,
    ) -> None:
        """Copy the module; `precision` is the name of a dtype.

        Raises:
            EmcError: a module that cannot be examined, as `copied` says.
        """
        self._dtype: torch.dtype = getattr(torch, precision)
        self.module = copied(module, self._dtype, device, training=training)
        self.shapes: NamedShapes = {
            name: tuple(value.shape)
            for name, value in module.named_parameters()
            if value.requires_grad
        }
        self.kind = type(module).__name__
        self.precision = precision
        self.device = device
        self.training = training
        self.twice_backwards = False
        self._held = {name: tuple(value.shape) for name, value in _held(module)}
        self._parametrized = bool(structure(module).parametrized)
        self._loss = row_losses(objective, device)
        self._users_loss = callable(objective.loss)

    def arithmetic(self) -> AbstractContextManager[None]:
        """What calls of the net and its derivatives run in."""
        return differentiable_arithmetic(parametrized=self._parametrized)

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """See that `state` gives all trained parameters, and nothing that the module lacks.

        Raises:
            EmcError: names or shapes are not those of the module, or a number is not finite.
        """
        given = {name: self._held[name] for name in state if name in self._held}
        check_parameters({**self.shapes, **given}, state)

    def constants(self, state: Mapping[str, np.ndarray]) -> TensorDict:
        """The buffers and frozen parameters that `state` gives and this mode uses."""
        used = {name for name, _ in _held(self.module)} - set(self.shapes)
        return {
            name: self.cast(torch.tensor(value)) for name, value in state.items() if name in used
        }

    def load(self, state: TensorDict) -> None:
        """Give the copy these values, which calls through a state need not."""
        held = dict(_held(self.module))
        with torch.no_grad():
            for name, value in state.items():
                held[name].copy_(value)

    def named(self, vectors: np.ndarray) -> TensorDict:
        """Flat float64 vectors [..., P] as parameters by name, [..., *shape]."""
        tensor = self.cast(torch.from_numpy(vectors))
        parts = torch.split(tensor, [prod(shape) for shape in self.shapes.values()], dim=-1)
        return {
            name: part.reshape((*vectors.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def flat(self, named: TensorDict, lead: int) -> Tensor:
        """Flat float64 vectors of parameters by name, whose first `lead` axes are kept."""
        parts = [named[name].detach() for name in self.shapes]
        return torch.cat([part.reshape(*part.shape[:lead], -1).double() for part in parts], dim=-1)

    def summed(self, start: np.ndarray) -> Tensor:
        """What a sum begins with, on the net's device: nobody waits for its parts."""
        return torch.tensor(start, device=self.device)

    def logits(self, parameters: TensorDict, constants: TensorDict, inputs: Tensor) -> Tensor:
        """Float64 logits [rows, classes].

        Raises:
            EmcError: the net answers something else.
        """
        state = {**parameters, **constants}
        answer = functional_call(self.module, state, (self.cast(inputs),))
        if not isinstance(answer, Tensor):
            raise EmcError(
                f"{self.kind}: expected a tensor of logits [rows, classes], found a"
                f" {type(answer).__name__}: wrap the net in a module that returns the logits alone,"
                " such as out.logits"
            )
        if answer.ndim != 2 or not answer.is_floating_point():
            raise EmcError(
                f"{self.kind}: expected logits [rows, classes] of a floating type, found"
                f" {answer.dtype} of shape {tuple(answer.shape)}"
            )
        return answer.double()

    def loss(self, parameters: TensorDict, constants: TensorDict, rows: Rows) -> Tensor:
        """These rows' part of the mean loss, without weight decay."""
        logits = self.logits(parameters, constants, rows.inputs)
        return self._loss(logits, rows)

    def product(
        self, parameters: TensorDict, direction: TensorDict, constants: TensorDict, rows: Rows
    ) -> TensorDict:
        """These rows' part of the Hessian times a direction."""

        def gradient(at: TensorDict) -> TensorDict:
            slopes: TensorDict = grad(self.loss)(at, constants, rows)
            return slopes

        def slope(at: TensorDict) -> Tensor:
            slopes = gradient(at)
            return torch.stack([(slopes[name] * direction[name]).sum() for name in slopes]).sum()

        product: TensorDict = (
            grad(slope)(parameters)
            if self.twice_backwards
            else jvp(gradient, (parameters,), (direction,))[1]
        )
        return product

    def check_dependence(
        self, parameters: TensorDict, constants: TensorDict, inputs: Tensor
    ) -> None:
        """See that the logits depend on the parameters, as far as torch can tell.

        Raises:
            EmcError: they do not.
        """
        traced = {name: value.clone().requires_grad_() for name, value in parameters.items()}
        with self.arithmetic(), told(f"{self.kind} fails as it is differentiated"):
            if self.logits(traced, constants, inputs).requires_grad:
                return
        raise EmcError(
            f"{self.kind} gives logits without a gradient: they are detached, made under no_grad,"
            " or depend on no trained parameter"
        )

    def try_derivatives(self, parameters: TensorDict, constants: TensorDict, rows: Rows) -> None:
        """See what loss and derivatives of a few rows are, and how products can be made.

        Raises:
            EmcError: the loss fails on these rows or is no mean, or torch cannot differentiate it
                twice.
        """
        with self.arithmetic():
            with told("the loss fails on logits and labels", _LOSS_HINT):
                self.loss(parameters, constants, rows)
                if self._users_loss:
                    refuse_sum(self._loss, self.logits(parameters, constants, rows.inputs), rows)
            with told(f"torch cannot differentiate {self.kind}"):
                grad(self.loss)(parameters, constants, rows)
            with told(f"torch cannot take second derivatives of {self.kind}"):
                try:
                    self.product(parameters, parameters, constants, rows)
                except (NotImplementedError, RuntimeError):
                    self.twice_backwards = True
                    self.product(parameters, parameters, constants, rows)

    def cast(self, tensor: Tensor) -> Tensor:
        """A tensor on the net's device; floating-point numbers in its precision."""
        if tensor.is_floating_point():
            return tensor.to(self.device, self._dtype)
        return tensor.to(self.device)


def _held(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters()
    yield from module.named_buffers()


@contextmanager
def told(what: str, mixed: str = "") -> Iterator[None]:
    """Errors of a net or a loss, whatever they are, with what failed.

    `mixed` is added where float64 and float32 met.

    Raises:
        EmcError: something failed.
    """
    try:
        yield
    except (EmcError, MemoryError):
        raise
    except Exception as error:
        if says_no_memory(error):
            raise
        hint = mixed if says_mixed_precision(error) else ""
        raise EmcError(f"{what}: {with_kind(error)}{hint}") from error


_LOSS_HINT: Final = (
    ": logits are float64 here, so that tensors which a function holds have to be float64, too, as"
    " weight.double(); a module such as nn.CrossEntropyLoss(weight=weight) is converted"
)


@contextmanager
def differentiable(net: DifferentiatedNet) -> Iterator[None]:
    """Arithmetic for derivatives of a net.

    Raises:
        EmcError: an operation of the net fails.
    """
    with net.arithmetic(), told(f"{net.kind} fails as it is differentiated"):
        yield
