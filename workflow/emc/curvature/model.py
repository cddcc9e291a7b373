"""`emc.certify`: the certificate of anyone's trained net."""

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from emc.criteria import plateau
from emc.curvature.autograd import AutogradOperator
from emc.curvature.certificate import certify_operator
from emc.curvature.evidence import Evidence
from emc.curvature.objective import Objective
from emc.curvature.polish import polish
from emc.curvature.quadrature import exact_spectrum, quadrature
from emc.curvature.settings import DEFAULT, Settings
from emc.curvature.spectrum import Spectrum
from emc.errors import EmcError
from emc.records import Polish


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Certified(Evidence):
    """The evidence at a net's parameters; printing it gives the verdict and its reason."""

    operator: AutogradOperator = field(repr=False)
    settings: Settings = field(repr=False)

    def spectrum(self, *, probes: int = 8, steps: int = 80) -> Spectrum:
        """The Hessian's eigenvalues: all of them if `exact`, or by stochastic quadrature."""
        if self.exact:
            return exact_spectrum(self.operator)
        return quadrature(self.operator, probes=probes, steps=steps, seed="spectrum")

    def polish(self, *, iterations: int = 300, escapes: int = 0, criterion: float = 1.0) -> Polish:
        """How far L-BFGS comes from here: was training merely unfinished, or is it stuck?

        `escapes` saddles are left at most; the training accuracy `criterion` is a fit.
        """
        settings = replace(self.settings, polish=iterations, escapes=escapes)
        return polish(self.operator, criterion=criterion, seed="emc.certify", settings=settings)


def certify(
    model: nn.Module,
    parameters: Mapping[str, Any] | None,
    data: tuple[Any, Any],
    *,
    losses: Sequence[float] | None = None,
    loss: str = "cross-entropy",
    label_smoothing: float = 0.0,
    weight_decay: float = 0.0,
    settings: Settings = DEFAULT,
    escape: bool = False,
) -> Certified:
    """Certify whether a trained net is at a minimum of its training loss.

    Args:
        model: maps inputs [batch, *shape] to logits [batch, classes]. Only parameters that
            require a gradient are varied. It is neither changed nor moved, and is evaluated in
            evaluation mode on the device where its parameters lie.
        parameters: values by name, or None for those that the model has.
        data: inputs [n, *shape] and integer labels [n], tensors or arrays: all training samples.
        losses: mean training loss of each epoch, the oldest first, for the plateau test, which is
            left out without them.
        loss: "cross-entropy", or "squared-error" of the logits against one-hot labels.
        label_smoothing: of the cross-entropy, as torch has it.
        weight_decay: of an optimizer that adds it to the gradient (decoupled decay: 0).
        settings: tolerances.
        escape: whether to give the way down from a saddle (`Certified.escape`).

    Raises:
        EmcError: a model, parameters or data that are not as described, parameters that do not
            belong to the model or are not finite, or a net without second derivatives.
    """
    state = _state(model, parameters)
    inputs, labels = _samples(data)
    operator = AutogradOperator(
        model,
        state,
        inputs,
        labels,
        Objective(loss, label_smoothing, weight_decay),
        precision=settings.precision,
        device=_device(model),
    )
    evidence = certify_operator(
        operator,
        plateau=None if losses is None else plateau(np.asarray(losses, dtype=np.float64)),
        seed="emc.certify",
        settings=settings,
        escape=escape,
    )
    found = {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    return Certified(**found, operator=operator, settings=settings)


def _state(model: nn.Module, parameters: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    if not isinstance(model, nn.Module):
        raise EmcError(f"model: a torch.nn.Module is wanted, found {_kind(model)}")
    named = dict(model.named_parameters()) if parameters is None else parameters
    if not isinstance(named, Mapping):
        raise EmcError(
            "parameters: wanted are values by name, as `dict(model.named_parameters())` or"
            f" `model.state_dict()`, or None for those that the model has, found {_kind(named)}"
        )
    values = {name: _array(value) for name, value in named.items()}
    return _without_second_names(model, values)


def _without_second_names(
    model: nn.Module, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Tied weights under the first of their names: a `state_dict` holds them under each."""
    left, names = dict(values), {id(weight): name for name, weight in model.named_parameters()}
    for name, weight in model.named_parameters(remove_duplicate=False):
        first = names[id(weight)]
        if name == first or name not in left or first not in left:
            continue
        if not np.array_equal(left.pop(name), left[first], equal_nan=True):
            raise EmcError(f"parameters: {first!r} and {name!r} are one weight, but differ")
    return left


def _samples(data: tuple[Any, Any]) -> tuple[np.ndarray, np.ndarray]:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise EmcError(f"data: a pair (inputs, labels) is wanted, found {_kind(data)}")
    inputs, labels = map(_array, data)
    if not inputs.ndim or labels.shape != inputs.shape[:1] or labels.dtype.kind not in "iu":
        raise EmcError(
            f"data: wanted are inputs [n, ...] and integer labels [n], found inputs "
            f"{inputs.shape} and labels {labels.shape} of {labels.dtype}"
        )
    return inputs, labels.astype(np.int64)


def _array(value: Any) -> np.ndarray:
    return value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)


def _kind(value: object) -> str:
    length = f" of {len(value)}" if isinstance(value, Sized) else ""
    return f"{type(value).__name__}{length}"


def _device(model: nn.Module) -> str:
    return str(next(model.parameters()).device)
