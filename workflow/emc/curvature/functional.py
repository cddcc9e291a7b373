"""A torch module as a function of its parameters, and the derivatives of its loss."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from math import prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, jvp
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cross_entropy

from emc.curvature.objective import Objective
from emc.curvature.parameters import Shapes, check_parameters
from emc.errors import EmcError

State = dict[str, Tensor]


class Rows(NamedTuple):
    """Samples [rows, ...] with the share that each has in the mean loss: zero for padding."""

    inputs: Tensor
    labels: Tensor
    shares: Tensor


class Net:
    """A copy of a module, in evaluation mode and one precision; `shapes` are those it trains."""

    def __init__(
        self, module: nn.Module, objective: Objective, precision: str, device: str
    ) -> None:
        """Copy the module; `precision` is the name of a dtype."""
        self.shapes: Shapes = {
            name: tuple(value.shape)
            for name, value in module.named_parameters()
            if value.requires_grad
        }
        self.device = device
        self._dtype: torch.dtype = getattr(torch, precision)
        self._module = deepcopy(module).to(device, self._dtype).eval().requires_grad_(False)
        self._objective = objective

    def check(self, state: Mapping[str, np.ndarray]) -> None:
        """See that `state` gives all trained parameters, and nothing that the module lacks.

        Raises:
            EmcError: names or shapes are not those of the module, or a number is not finite.
        """
        own = {**dict(self._module.named_parameters()), **dict(self._module.named_buffers())}
        given = {name: tuple(own[name].shape) for name in state if name in own}
        check_parameters({**self.shapes, **given}, state)

    def constants(self, state: Mapping[str, np.ndarray]) -> State:
        """The buffers and frozen parameters that `state` gives."""
        return {
            name: self._cast(torch.tensor(value))
            for name, value in state.items()
            if name not in self.shapes
        }

    def named(self, vectors: np.ndarray) -> State:
        """Flat float64 vectors [..., P] as parameters by name, [..., *shape]."""
        tensor = self._cast(torch.from_numpy(vectors))
        parts = torch.split(tensor, [prod(shape) for shape in self.shapes.values()], dim=-1)
        return {
            name: part.reshape((*vectors.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def flat(self, named: State, lead: int) -> Tensor:
        """Flat float64 vectors of parameters by name, whose first `lead` axes are kept."""
        parts = [named[name] for name in self.shapes]
        return torch.cat([part.reshape(*part.shape[:lead], -1).double() for part in parts], dim=-1)

    def logits(self, parameters: State, constants: State, inputs: Tensor) -> Tensor:
        """Float64 logits [rows, classes]."""
        state = {**parameters, **constants}
        answer: Tensor = functional_call(self._module, state, (self._cast(inputs),))
        if answer.ndim != 2:
            raise EmcError(f"the net answers {tuple(answer.shape)}, wanted are [rows, classes]")
        return answer.double()

    def loss(self, parameters: State, constants: State, rows: Rows) -> Tensor:
        """These rows' part of the mean loss, without weight decay."""
        logits = self.logits(parameters, constants, rows.inputs)
        if self._objective.loss == "squared-error":
            classes = torch.arange(logits.shape[-1], device=logits.device)
            wanted = (rows.labels[:, None] == classes).double()
            each = (logits - wanted).square().mean(-1)
        else:
            smoothing = self._objective.label_smoothing
            each = cross_entropy(logits, rows.labels, reduction="none", label_smoothing=smoothing)
        return each @ rows.shares

    def product(self, parameters: State, direction: State, constants: State, rows: Rows) -> State:
        """These rows' part of the Hessian times a direction."""

        def gradient(at: State) -> State:
            slopes: State = grad(self.loss)(at, constants, rows)
            return slopes

        product: State = jvp(gradient, (parameters,), (direction,))[1]
        return product

    def _cast(self, tensor: Tensor) -> Tensor:
        if tensor.is_floating_point():
            return tensor.to(self.device, self._dtype)
        return tensor.to(self.device)


@contextmanager
def differentiable() -> Iterator[None]:
    """Kernels that have second derivatives, and whole float32 products (no TF32).

    Raises:
        EmcError: torch cannot differentiate an operation of the net in this way.
    """
    try:
        with (
            warnings.catch_warnings(),
            sdpa_kernel(SDPBackend.MATH),
            torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
        ):
            # Torch scripts its own forward rules at first use, and warns of that.
            warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", FutureWarning)
            yield
    except NotImplementedError as error:
        raise EmcError(f"the net has an operation without second derivatives: {error}") from None
