"""`emc.certify`: the certificate of anyone's trained net."""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, Final

import numpy as np
import torch
from torch import nn

from emc.api.arrays import array, halves
from emc.criteria import plateau
from emc.curvature.autograd import AutogradOperator
from emc.curvature.certificate import certify_operator
from emc.curvature.evidence import Evidence
from emc.curvature.modes import with_mode
from emc.curvature.objective import LossFunction, Objective
from emc.curvature.quadrature import exact_spectrum, quadrature
from emc.curvature.spectrum import Spectrum
from emc.curvature.tolerances import DEFAULT, CertificateTolerances
from emc.data.conversion import as_labels, found_kind
from emc.errors import EmcError, one_line, shown
from emc.finish import Finished, FinishSettings, finish
from emc.finish.settings import DEFAULT as FINISH
from emc.nets.inspection import structure

MODES: Final = ("evaluation", "training")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True, repr=False)
class Certified(Evidence):
    """The evidence at a net's parameters; printing it gives the verdict and its reason."""

    operator: AutogradOperator
    tolerances: CertificateTolerances

    def __repr__(self) -> str:
        """What is printed, too: a notebook shows a certificate by this."""
        return str(self)

    def spectrum(self, *, probes: int = 8, steps: int = 80) -> Spectrum:
        """The Hessian's eigenvalues: all of them if `exact`, or by stochastic quadrature."""
        if self.exact:
            return exact_spectrum(self.operator)
        return quadrature(self.operator, probes=probes, steps=steps, seed="spectrum")

    def finish(self, *, criterion: float = 1.0, settings: FinishSettings = FINISH) -> Finished:
        """A descent from here: was training merely unfinished, or does the net stand still?

        The training accuracy `criterion` is a fit. `Finished.record` says how it ended and why.
        Kinks of the net are not known here: where it jams at one, it ends `open`.
        """
        return finish(self.operator, criterion=criterion, settings=settings)


def certify(
    model: nn.Module,
    parameters: Mapping[str, Any] | None,
    data: Any,
    *,
    losses: Sequence[float] | None = None,
    loss: str | LossFunction = "cross-entropy",
    label_smoothing: float = 0.0,
    class_weights: Sequence[float] | None = None,
    weight_decay: float = 0.0,
    mode: str = "evaluation",
    tolerances: CertificateTolerances = DEFAULT,
    escape: bool = False,
) -> Certified:
    """Certify whether a trained net is at a minimum of its training loss.

    Args:
        model: maps inputs [batch, *shape] to logits [batch, classes]. Only parameters that
            require a gradient are varied. It is neither changed nor moved; a copy is evaluated in
            `tolerances.precision` on the device where its parameters lie.
        parameters: values by name, or None for those that the model has.
        data: all training samples, as `emc.measure` takes them: a tuple of inputs [n, *shape] and
            integer labels [n], or a data set of pairs. Floating-point inputs keep their digits;
            integers stay integers where the model takes them, as an embedding does.
        losses: mean training loss of each epoch, the oldest first, for the plateau test, which is
            left out without them.
        loss: "cross-entropy", or "squared-error" of the logits against one-hot labels; or a
            function of all logits [n, classes] and labels int64 [n] that gives their mean loss.
        label_smoothing: of the cross-entropy, as torch has it.
        class_weights: of the cross-entropy, one per class, as torch has them.
        weight_decay: of an optimizer that adds it to the gradient (decoupled decay: 0).
        mode: "evaluation", in which accuracies are counted; or "training", with all samples as
            one batch, for nets with batch normalisation. Where the two differ the reason says
            which was examined.
        tolerances: those of the three tests, and how much work may be spent on them.
        escape: whether to give the way down from a saddle (`Certified.escape`).

    Raises:
        EmcError: a model, parameters or data that are not as described, parameters that do not
            belong to the model or are not finite, or a net that cannot be differentiated twice or
            draws random numbers.
    """
    objective = _objective(loss, label_smoothing, class_weights, weight_decay)
    variation = _plateau(losses)
    _check_tolerances(tolerances)
    with torch.inference_mode(False), torch.enable_grad():
        operator = _operator(
            model, parameters, data, objective, precision=tolerances.precision, mode=mode
        )
        evidence = certify_operator(
            operator, plateau=variation, seed="emc.certify", tolerances=tolerances, escape=escape
        )
        evidence = with_mode(evidence, operator)
    found = {each.name: getattr(evidence, each.name) for each in fields(evidence)}
    return Certified(**found, operator=operator, tolerances=tolerances)


def _operator(
    model: nn.Module,
    parameters: Mapping[str, Any] | None,
    data: Any,
    objective: Objective,
    *,
    precision: str,
    mode: str,
) -> AutogradOperator:
    if mode not in MODES:
        raise EmcError(f"mode: expected one of {', '.join(MODES)}, found {shown(mode)}")
    return AutogradOperator(
        model,
        _state(model, parameters),
        *_samples(data),
        objective,
        precision=precision,
        device=_device(model),
        training=mode == "training",
    )


def _state(model: nn.Module, parameters: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
    if not isinstance(model, nn.Module):
        raise EmcError(f"model: expected a torch.nn.Module, found {shown(model)}")
    if lazy := structure(model).lazy:
        raise EmcError(
            f"model: {lazy[0]!r} belongs to a lazy layer, whose shape is not known yet: run a batch"
            " through the model first"
        )
    named = dict(model.named_parameters()) if parameters is None else parameters
    if not isinstance(named, Mapping):
        raise EmcError(
            "parameters: expected values by name, as `dict(model.named_parameters())` or"
            f" `model.state_dict()`, or None for those that the model has, found {shown(named)}"
        )
    values = {name: _real(f"parameters: {name!r}", value) for name, value in named.items()}
    return _without_second_names(model, values)


def _without_second_names(
    model: nn.Module, values: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Tied weights under the first of their names: a `state_dict` holds them under each."""
    left = dict(values)
    for name, first in structure(model).tied.items():
        if name not in left or first not in left:
            continue
        if not np.array_equal(left.pop(name), left[first], equal_nan=True):
            raise EmcError(f"parameters: {first!r} and {name!r} are one weight, but differ")
    return left


def _samples(data: Any) -> tuple[np.ndarray, np.ndarray]:
    inputs, labels = halves("data", data)
    inputs = _real("data: inputs", inputs)
    if inputs.dtype.kind == "f":
        finite = np.isfinite(inputs).reshape(len(inputs), -1).all(axis=1)
        if not finite.all():
            raise EmcError(f"data: input {int(finite.argmin())} is not finite")
    return inputs, as_labels("data", labels)


def _real(what: str, value: Any) -> np.ndarray:
    found = array(what, value)
    if found.dtype.kind not in "biuf":
        raise EmcError(f"{what}: expected real numbers, found {found_kind(found, 'inputs')}")
    return found


def _objective(loss: Any, label_smoothing: Any, class_weights: Any, weight_decay: Any) -> Objective:
    if isinstance(loss, type) or not (callable(loss) or isinstance(loss, str)):
        raise EmcError(
            "loss: expected 'cross-entropy', 'squared-error' or a function of logits and labels,"
            f" found {shown(loss)}"
        )
    for name, value in (("label_smoothing", label_smoothing), ("weight_decay", weight_decay)):
        if not isinstance(value, Real) or isinstance(value, bool):
            raise EmcError(f"{name}: expected a number, found {shown(value)}")
    weights = None if class_weights is None else _numbers("class_weights", class_weights)
    return Objective(
        loss,
        float(label_smoothing),
        float(weight_decay),
        None if weights is None else tuple(weights.tolist()),
    )


def _plateau(losses: Any) -> float | None:
    return None if losses is None else plateau(_numbers("losses", losses))


def _numbers(name: str, value: Any) -> np.ndarray:
    """A sequence of numbers as float64 [length]."""
    if isinstance(value, str | bytes | Mapping | Set):
        raise EmcError(f"{name}: expected a sequence of numbers, found {shown(value)}")
    try:
        numbers = np.asarray([float(each) for each in value], dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmcError(
            f"{name}: expected a sequence of numbers, found {shown(value)}: {one_line(error)}"
        ) from error
    return numbers


def _check_tolerances(tolerances: Any) -> None:
    if not isinstance(tolerances, CertificateTolerances):
        raise EmcError(f"tolerances: expected a CertificateTolerances, found {shown(tolerances)}")


def _device(model: nn.Module) -> str:
    """The one device of all parameters and buffers."""
    places = {
        str(tensor.device): name
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
    }
    if len(places) > 1:
        where = ", ".join(f"{name!r} on {place}" for place, name in places.items())
        raise EmcError(f"model: expected all of it on one device, found {where}")
    if not places:
        kind = type(model).__name__
        raise EmcError(f"model: {kind}: expected a parameter that requires a gradient, found none")
    return next(iter(places))
