"""How a net is trained: optimizers, batches, budgets, stopping."""

from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from emc.errors import EmcError
from emc.study.own import Own, own_model, own_or_known
from emc.study.strict import Count, Fraction, Positive, Real, Strict, named

ACTIVATIONS = ("relu", "leaky-relu", "gelu", "silu", "tanh", "sigmoid", "identity")
Activation = Literal["relu", "leaky-relu", "gelu", "silu", "tanh", "sigmoid", "identity"]


class OwnActivation(Own):
    """An activation that a plug-in registers; its function is tried before anything is trained."""

    @model_validator(mode="after")
    def _works(self) -> Self:
        try:
            self.registered.details.check(self.registered)
        except EmcError as error:
            raise ValueError(str(error)) from None
        return self


if TYPE_CHECKING:
    ActivationChoice = Activation | OwnActivation
else:
    ActivationChoice = Annotated[
        Activation,
        WrapValidator(
            own_or_known(
                "activation", lambda registered: own_model(registered, OwnActivation), ACTIVATIONS
            )
        ),
    ]


def activation_name(activation: ActivationChoice) -> str:
    """The name of an activation, the program's or one's own."""
    return activation if isinstance(activation, str) else activation.name


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _ascending(rates: tuple[float, ...]) -> tuple[float, ...]:
    if len(set(rates)) < len(rates):
        raise ValueError("a learning rate is given twice")
    return tuple(sorted(rates))


_RATE = {"type": "number", "exclusiveMinimum": 0}

Rates = Annotated[
    tuple[Positive, ...],
    Field(
        min_length=1,
        description="Learning rate, or the rates to try: the one that fits most counts.",
    ),
    BeforeValidator(_as_list),
    AfterValidator(_ascending),
    WithJsonSchema({"anyOf": [_RATE, {"type": "array", "items": _RATE, "minItems": 1}]}),
]

BelowOne = Annotated[Real, Field(ge=0, lt=1)]
Decay = Annotated[Real, Field(ge=0, description="Weight decay.")]
Momentum = Annotated[BelowOne, Field(description="Momentum; 0 for none.")]


class Sgd(Strict):
    """Mini-batch stochastic gradient descent."""

    name: Literal["sgd"]
    lr: Rates = (0.03, 0.1, 0.3)
    momentum: Momentum = 0.9
    nesterov: bool = False
    """Take the gradient where the momentum leads (Nesterov)."""
    weight_decay: Decay = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("'nesterov' needs a 'momentum' above 0")
        return self


class Gd(Strict):
    """Full-batch gradient descent: every step sees all n samples."""

    name: Literal["gd"]
    lr: Rates = (0.1, 0.3, 1.0)
    momentum: Momentum = 0.9
    weight_decay: Decay = 0.0


class Adam(Strict):
    """Adam, with weight decay added to the gradient."""

    name: Literal["adam"]
    lr: Rates = (1e-3, 3e-3, 1e-2)
    beta1: BelowOne = 0.9
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of the running mean of the squared gradient."""
    epsilon: Positive = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.0


class AdamW(Strict):
    """Adam with decoupled weight decay."""

    name: Literal["adamw"]
    lr: Rates = (1e-3, 3e-3, 1e-2)
    beta1: BelowOne = 0.9
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of the running mean of the squared gradient."""
    epsilon: Positive = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.01


class OwnOptimizer(Own):
    """An optimizer that a plug-in registers."""

    lr: Rates


_Known = Sgd | Gd | Adam | AdamW

OPTIMIZERS: Final = tuple(
    get_args(one.model_fields["name"].annotation)[0] for one in get_args(_Known)
)
"""Names of the program's own optimizers."""

if TYPE_CHECKING:
    Optimizer = _Known | OwnOptimizer
else:
    Optimizer = Annotated[
        _Known,
        Field(discriminator="name"),
        BeforeValidator(named),
        WrapValidator(
            own_or_known(
                "optimizer", lambda registered: own_model(registered, OwnOptimizer), OPTIMIZERS
            )
        ),
    ]


class Batch(Strict):
    """Which samples a mini-batch step sees.

    `stream` always takes min(size, n) rows and runs on over the epoch's end through fresh
    permutations; `balanced` cuts each epoch into nearly equal parts; `ragged` is the usual loop,
    whose last batch is what remains.
    """

    size: Count = 128
    """Samples a step; all of them where n is smaller."""
    order: Literal["stream", "balanced", "ragged"] = "stream"
    """How the samples of an epoch are cut into batches."""


class Schedule(Strict):
    """The learning rate over the run: constant, or a half cosine to zero over the budget."""

    name: Literal["constant", "cosine"] = "constant"
    """What becomes of the rate after the warm-up."""
    warmup: Fraction = 0.0
    """Fraction of the budget over which the rate first rises linearly from zero."""


class Budget(Strict):
    """How long a probe may train: epochs or optimizer steps."""

    epochs: Count | None = None
    """Most passes over the n samples; give this or `steps`."""
    steps: Count | None = None
    """Most optimizer steps; give this or `epochs`."""

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if (self.epochs is None) == (self.steps is None):
            given = "neither" if self.epochs is None else "both"
            raise ValueError(f"give either 'epochs' or 'steps', found {given}")
        return self


class Stopping(Strict):
    """When a run that does not fit counts as converged (`stuck`)."""

    gradient: Positive = 1e-3
    """Largest norm of the full-batch mean gradient."""
    plateau: Positive = 1e-3
    """Largest relative variation of the epoch losses over the last ten epochs."""


class Loss(Strict):
    """What is minimised."""

    name: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    """Cross-entropy of the softmax, or squared distance of the logits from the one-hot label."""
    label_smoothing: BelowOne = 0.0
    """Share of the label that is spread evenly over all classes."""

    @model_validator(mode="after")
    def _smoothing_suits(self) -> Self:
        if self.label_smoothing and self.name != "cross-entropy":
            raise ValueError(f"'label_smoothing' goes with 'cross-entropy', found {self.name!r}")
        return self


class Search(Strict):
    """How sizes are chosen and when the search ends."""

    method: Literal["bayes", "walk", "bisection", "ladder"] = "bayes"
    """`bayes`: each round where it tells most about emc50; `walk`: grow n while it fits;
    `bisection`: double, then halve the gap; `ladder`: one run at each n of a logarithmic grid."""
    tolerance: Annotated[Positive, Field(lt=1)] = 0.05
    """Half width of the 95 % interval at which a cell is done, relative."""
    probes: Count = 200
    """Largest number of probes a cell may spend."""
    smallest: Count = 1
    """The smallest n that is tried."""


Initialisation = Literal["scaled-normal", "torch"]

ScheduleChoice = Annotated[Schedule, BeforeValidator(named)]
LossChoice = Annotated[Loss, BeforeValidator(named)]


def method(value: object) -> object:
    """Let a bare name stand for a search by that method."""
    return {"method": value} if isinstance(value, str) else value


SearchChoice = Annotated[Search, BeforeValidator(method)]
