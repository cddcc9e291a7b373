"""The optimizers that a study may name: the keys of each, with their defaults.

How each steps stands in the file of its name below `emc.engine.optimizers`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from emc.errors import EmcError
from emc.study.plugin_entry import PluginEntry, plugin_model, plugin_or_known
from emc.study.strict import BelowOne, Count, Positive, Real, Strict, is_canonical, named


def _held(value: float) -> float:
    if not 2.0**-126 <= value < 2.0**128:
        raise ValueError(f"expected a number from 1.2e-38 to 3.4e+38, as float32, found {value:g}")
    return value


def _not_infinite(value: float) -> float:
    if value >= 2.0**128:
        raise ValueError(f"expected a number below 3.4e+38, as float32, found {value:g}")
    return value


Held = Annotated[Positive, AfterValidator(_held)]
"""A number of a step, which is taken in float32: what that cannot hold would be 0 or infinite."""


def _as_list(value: object) -> object:
    if isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004 - pydantic reports no TypeError
            f"expected a number, or a list of numbers, found {dict(value)}: what adds rates beyond"
            " an edge that wins is search.widen"
        )
    return value if isinstance(value, list | tuple) else [value]


def _ascending(rates: tuple[float, ...]) -> tuple[float, ...]:
    if twice := [rate for rate in rates if rates.count(rate) > 1]:
        raise ValueError(f"expected each learning rate once, found {twice[0]:g} twice")
    return tuple(sorted(rates))


_RATE = {"type": "number", "exclusiveMinimum": 0}

Rates = Annotated[
    tuple[Held, ...],
    Field(
        min_length=1,
        description="Learning rate, or the rates to try: the one that fits most counts.",
    ),
    BeforeValidator(_as_list),
    AfterValidator(_ascending),
    WithJsonSchema({"anyOf": [_RATE, {"type": "array", "items": _RATE, "minItems": 1}]}),
]

Decay = Annotated[Real, Field(ge=0, description="Weight decay."), AfterValidator(_not_infinite)]
Momentum = Annotated[BelowOne, Field(description="Momentum; 0 for none.")]
StepsBetween = Annotated[
    Count,
    Field(description="Steps between two decompositions; the first `interval` each have one."),
]
Largest = Annotated[
    Count, Field(description="Dimensions above it are left without a preconditioner.")
]


class Keys(Strict):
    """The keys of an optimizer, which its file of `emc.engine.optimizers` steps by."""

    full_batch: ClassVar[bool] = False
    """Whether its steps see all n samples."""
    hidden_matrix: ClassVar[bool] = False
    """Whether it works on weight matrices other than those that make the logits, and wants one."""

    decoupled: ClassVar[bool] = False
    """Whether weight decay shrinks the weights beside the step, and is no part of the loss."""

    @property
    def minimises_otherwise(self) -> str | None:
        """Why what it minimises is not the training loss, so that no run is finished, or None."""
        return None

    @property
    def decay_apart(self) -> str | None:
        """That minima are without its weight decay, where it has one that is decoupled, or None."""
        keys = self.model_dump() if self.decoupled else {}
        return decay_apart(keys["name"], keys["weight_decay"]) if keys else None


class Sgd(Keys):
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
            raise ValueError("'nesterov': expected a 'momentum' above 0 with it, found 0")
        return self


class Gd(Keys):
    """Full-batch gradient descent: every step sees all n samples."""

    full_batch: ClassVar[bool] = True

    name: Literal["gd"]
    lr: Rates = (0.1, 0.3, 1.0)
    momentum: Momentum = 0.9
    weight_decay: Decay = 0.0


class Adam(Keys):
    """Adam, with weight decay added to the gradient."""

    name: Literal["adam"]
    lr: Rates = (1e-3, 3e-3, 1e-2)
    beta1: BelowOne = 0.9
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of the running mean of the squared gradient."""
    epsilon: Held = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.0


class AdamW(Keys):
    """Adam with decoupled weight decay."""

    decoupled: ClassVar[bool] = True

    name: Literal["adamw"]
    lr: Rates = (1e-3, 3e-3, 1e-2)
    beta1: BelowOne = 0.9
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of the running mean of the squared gradient."""
    epsilon: Held = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.01


class Shampoo(Keys):
    """Gradients between inverse roots of their second moments, one per dimension of each tensor.

    Gupta et al. 2018: sums of G G^T over all other dimensions, plus `epsilon`, to the power -1/2k
    for a tensor of k dimensions; momentum on what comes out.
    """

    name: Literal["shampoo"]
    lr: Rates = (0.01, 0.03, 0.1)
    momentum: Momentum = 0.9
    epsilon: Held = 1e-6
    """Added to the diagonal of the second moments."""
    interval: StepsBetween = 10
    largest: Largest = 1024
    weight_decay: Decay = 0.0


class Muon(Keys):
    """Momentum made orthogonal for every matrix but those that make the logits; else AdamW.

    Jordan et al. 2024, with the rate of Liu et al. 2025, 0.2 sqrt(larger side) times `lr`, which
    lets one rate serve both. Convolutions count as a matrix with a row for each output channel.
    """

    hidden_matrix: ClassVar[bool] = True
    decoupled: ClassVar[bool] = True

    name: Literal["muon"]
    lr: Rates = (3e-3, 1e-2, 3e-2)
    momentum: Momentum = 0.95
    beta1: BelowOne = 0.9
    """Decay of AdamW's running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of AdamW's running mean of the squared gradient."""
    epsilon: Held = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.01


class Soap(Keys):
    """Adam in the eigenbases of Shampoo's second moments (Vyas et al. 2024)."""

    decoupled: ClassVar[bool] = True

    name: Literal["soap"]
    lr: Rates = (3e-3, 1e-2, 3e-2)
    beta1: BelowOne = 0.95
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.95
    """Decay of all second moments."""
    epsilon: Held = 1e-8
    """Added to the root of the squared gradient's mean before it divides."""
    interval: StepsBetween = 10
    largest: Largest = 1024
    weight_decay: Decay = 0.01


class Lbfgs(Keys):
    """Full-batch L-BFGS with a line search for the strong Wolfe conditions; a step is an iteration.

    Every gradient that the line search asks for is counted.
    """

    full_batch: ClassVar[bool] = True

    name: Literal["lbfgs"]
    lr: Rates = (1.0,)
    history: Count = 10
    """Pairs of steps and gradient changes that make the curvature."""


class Sam(Keys):
    """Sharpness-aware minimisation over `sgd` (Foret et al. 2021): two gradients per step."""

    name: Literal["sam"]
    lr: Rates = (0.03, 0.1, 0.3)
    momentum: Momentum = 0.9
    rho: Held = 0.05
    """Length of the step uphill, at whose end the gradient is taken."""
    weight_decay: Decay = 0.0

    @property
    def minimises_otherwise(self) -> str:
        """As `Keys` says."""
        return "'sam' minimises the loss at the end of a step uphill, not the loss itself"


class PluginOptimizer(PluginEntry, Keys):
    """An optimizer that a plug-in registers; it steps once before anything is trained."""

    lr: Rates

    @model_validator(mode="after")
    def _works(self, info: ValidationInfo) -> Self:
        if is_canonical(info):
            return self
        try:
            self.registered.details.check(self)
        except EmcError as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def minimises_otherwise(self) -> str | None:
        """As `Keys` says."""
        if self.registered.details.minimises_loss:
            return None
        return (
            f"the plug-in's optimizer {self.name!r} does not say that it minimises the training"
            " loss, as @emc.optimizer(..., minimises_loss=True) does"
        )


_Known = Sgd | Gd | Adam | AdamW | Shampoo | Muon | Soap | Lbfgs | Sam

_MODELS: Final = {get_args(one.model_fields["name"].annotation)[0]: one for one in get_args(_Known)}
OPTIMIZERS: Final = tuple(_MODELS)
"""Names of the program's own optimizers."""
MINI_BATCH: Final = tuple(name for name, one in _MODELS.items() if not one.full_batch)
"""Those of them whose steps see a batch."""


def decay_apart(name: str, weight_decay: float | None) -> str | None:
    """As `Keys.decay_apart` says, of an optimizer as tables have it: plug-ins have none."""
    if name not in _MODELS or not _MODELS[name].decoupled or not weight_decay:
        return None
    return (
        f"the weight decay of {name!r} is no part of the loss: its minima are those of the loss"
        " without it"
    )


def takes_full_batches(name: str) -> bool:
    """Whether the steps of the program's own optimizer `name` see all samples."""
    found: bool = _MODELS[name].full_batch
    return found


def default_constants(name: str) -> dict[str, Any]:
    """What the program's own optimizer `name` has where a study gives no key, without its rates."""
    keys = _MODELS[name].model_validate({"name": name})
    constants: dict[str, Any] = keys.model_dump(exclude={"name", "lr"})
    return constants


if TYPE_CHECKING:
    Optimizer = _Known | PluginOptimizer
else:
    Optimizer = Annotated[
        _Known,
        Field(discriminator="name"),
        BeforeValidator(named),
        WrapValidator(
            plugin_or_known(
                "optimizer",
                lambda registered: plugin_model(registered, PluginOptimizer),
                OPTIMIZERS,
            )
        ),
    ]
