"""How a net is trained: optimizers, batches, budgets, stopping."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from emc.activations import ACTIVATIONS
from emc.errors import EmcError
from emc.study.plugin_entry import PluginEntry, plugin_model, plugin_or_known
from emc.study.strict import Count, Fraction, Positive, Real, Strict, Whole, is_canonical, named


class PluginActivation(PluginEntry):
    """An activation that a plug-in registers; its function is tried before anything is trained."""

    @model_validator(mode="after")
    def _works(self, info: ValidationInfo) -> Self:
        if is_canonical(info):
            return self
        try:
            self.registered.details.check(self.registered)
        except EmcError as error:
            raise ValueError(str(error)) from None
        return self


if TYPE_CHECKING:
    ActivationChoice = str | PluginActivation
else:
    ActivationChoice = Annotated[
        Literal[tuple(ACTIVATIONS)],
        WrapValidator(
            plugin_or_known(
                "activation",
                lambda registered: plugin_model(registered, PluginActivation),
                ACTIVATIONS,
            )
        ),
    ]


def activation_name(activation: ActivationChoice) -> str:
    """The name of an activation, the program's or a plug-in's."""
    return activation if isinstance(activation, str) else activation.name


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


def _ascending(rates: tuple[float, ...]) -> tuple[float, ...]:
    if twice := [rate for rate in rates if rates.count(rate) > 1]:
        raise ValueError(f"expected each learning rate once, found {twice[0]:g} twice")
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

    @property
    def minimises_otherwise(self) -> str | None:
        """Why what it minimises is not the training loss, so that no run is finished, or None."""
        return None


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
            raise ValueError("'nesterov' needs a 'momentum' above 0")
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
    epsilon: Positive = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.0


class AdamW(Keys):
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


class Shampoo(Keys):
    """Gradients between inverse roots of their second moments, one per dimension of each tensor.

    Gupta et al. 2018: sums of G G^T over all other dimensions, plus `epsilon`, to the power -1/2k
    for a tensor of k dimensions; momentum on what comes out.
    """

    name: Literal["shampoo"]
    lr: Rates = (0.01, 0.03, 0.1)
    momentum: Momentum = 0.9
    epsilon: Positive = 1e-6
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

    name: Literal["muon"]
    lr: Rates = (3e-3, 1e-2, 3e-2)
    momentum: Momentum = 0.95
    beta1: BelowOne = 0.9
    """Decay of AdamW's running mean of the gradient."""
    beta2: BelowOne = 0.999
    """Decay of AdamW's running mean of the squared gradient."""
    epsilon: Positive = 1e-8
    """Added to the root of the latter before it divides."""
    weight_decay: Decay = 0.01


class Soap(Keys):
    """Adam in the eigenbases of Shampoo's second moments (Vyas et al. 2024)."""

    name: Literal["soap"]
    lr: Rates = (3e-3, 1e-2, 3e-2)
    beta1: BelowOne = 0.95
    """Decay of the running mean of the gradient."""
    beta2: BelowOne = 0.95
    """Decay of all second moments."""
    epsilon: Positive = 1e-8
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
    rho: Positive = 0.05
    """Length of the step uphill, at whose end the gradient is taken."""
    weight_decay: Decay = 0.0

    @property
    def minimises_otherwise(self) -> str:
        """As `Keys` says."""
        return "'sam' minimises the loss at the end of a step uphill, not the loss itself"


class PluginOptimizer(PluginEntry, Keys):
    """An optimizer that a plug-in registers."""

    lr: Rates

    @property
    def minimises_otherwise(self) -> str | None:
        """As `Keys` says."""
        if self.registered.details:
            return None
        return (
            f"the plug-in's optimizer {self.name!r} does not say that it minimises the training"
            " loss, as @emc.optimizer(..., minimises_loss=True) does"
        )


_Known = Sgd | Gd | Adam | AdamW | Shampoo | Muon | Soap | Lbfgs | Sam

OPTIMIZERS: Final = tuple(
    get_args(one.model_fields["name"].annotation)[0] for one in get_args(_Known)
)
"""Names of the program's own optimizers."""
FULL_BATCH: Final = frozenset(
    name for name, one in zip(OPTIMIZERS, get_args(_Known), strict=True) if one.full_batch
)
"""Those of them whose steps see all n samples."""

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


class Batch(Strict):
    """Which samples a mini-batch step sees.

    `stream` always takes min(size, n) rows and runs on over the epoch's end through fresh
    permutations; `balanced` cuts each epoch into nearly equal parts; `ragged` is the usual loop,
    whose last batch is what remains.
    """

    size: Count = 128
    """Samples per step; all of them where n is smaller."""
    order: Literal["stream", "balanced", "ragged"] = "stream"
    """How the samples of an epoch are cut into batches."""


class Schedule(Strict):
    """The learning rate over the run: constant, or a half cosine to zero over the budget."""

    name: Literal["constant", "cosine"] = "constant"
    """What becomes of the rate after the warm-up."""
    warmup: Fraction = 0.0
    """Fraction of the budget over which the rate first rises linearly from zero."""


DEFAULT_STEPS: Final = 30_000
"""Steps after which the number at minima has settled: `benchmarks/budget.py`."""


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
            raise ValueError(f"expected either 'epochs' or 'steps', found {given}")
        return self


class Stopping(Strict):
    """When training that does not fit is over before its budget: it stands still."""

    gradient: Positive = 1e-3
    """Largest norm of the full-batch mean gradient."""
    plateau: Positive = 1e-3
    """Largest relative variation of the epoch losses over the last ten epochs."""


class Finish(Strict):
    """How a probe that did not fit within its budget is brought to a minimum."""

    iterations: Annotated[Whole, Field(ge=0)] = 500
    """Most quasi-Newton steps of the descent, which Newton steps follow; 0: no probe is finished,
    and only the number within the budget is known."""
    effort: Positive = 3.0
    """Most work of the descent, in gradients of single samples over those of the training before;
    a probe that it does not decide is open."""
    gradient: Positive = 1e-3
    """Largest norm of the gradient, or on kinks of the shortest combination of one-sided
    gradients, at a minimum."""
    escapes: Annotated[Whole, Field(ge=0)] = 5
    """How many saddles are left along their negative curvature, at most."""
    rounding: BelowOne = 0.01
    """Width over which kinks (ReLU at zero, ties of a max-pooling window) are rounded off before
    they are seen as they are, relative to the mean |pre-activation| of their layer; 0: not at
    all. Larger widths walk over deeper kinks."""


class Loss(Strict):
    """What is minimised."""

    name: Literal["cross-entropy", "squared-error"] = "cross-entropy"
    """Cross-entropy of the softmax, or squared distance of the logits from the one-hot label."""
    label_smoothing: BelowOne = 0.0
    """Share of the label that is spread evenly over all classes."""

    @model_validator(mode="after")
    def _smoothing_suits(self) -> Self:
        if self.label_smoothing and self.name != "cross-entropy":
            raise ValueError(f"'label_smoothing': expected 'cross-entropy', found {self.name!r}")
        return self


class Expected(Strict):
    """What a finished neighbouring cell lets expect of emc50."""

    emc50: Annotated[Real, Field(ge=1)]
    """The expected emc50."""
    factor: Annotated[Real, Field(ge=1.1)] = 3.0
    """It is held to lie within this factor of it, either way, with probability 0.95; trials
    overrule an expectation that is mistaken."""


class Search(Strict):
    """How sizes are chosen and when the search ends."""

    method: Literal["bayes", "walk", "bisection", "ladder"] = "bayes"
    """`bayes`: each round where it tells most about emc50; `walk`: grow n while it fits;
    `bisection`: double, then halve the gap; `ladder`: one run at each n of a logarithmic grid."""
    aim: Literal["minima", "budget"] = "minima"
    """The number that is made narrow: what is fitted at minima, or within the budget. Both come
    from the same probes."""
    tolerance: Annotated[Positive, Field(lt=1)] = 0.05
    """Half width of the 95 % interval at which a cell is done, relative."""
    probes: Count = 200
    """Largest number of probes a cell may spend."""
    smallest: Count = 1
    """The smallest n that is tried."""
    widen: Annotated[int, Field(ge=0, strict=True)] = 0
    """Times that a learning rate may be added beyond an edge of the grid that wins, in steps of
    the grid's own ratio there; by 3 where one rate is given."""
    expected: Expected | None = None
    """What a finished neighbouring cell lets expect of emc50; by default nothing, so that cells
    are independent."""

    @model_validator(mode="after")
    def _widening_suits(self) -> Self:
        if self.widen and self.method != "bayes":
            raise ValueError(f"'widen': expected the method 'bayes', found {self.method!r}")
        return self

    @model_validator(mode="after")
    def _expecting_suits(self) -> Self:
        if self.expected is not None and self.method != "bayes":
            raise ValueError(f"'expected': expected the method 'bayes', found {self.method!r}")
        if self.expected is not None and self.expected.emc50 < self.smallest:
            raise ValueError(
                f"'expected.emc50' is at least 'smallest', {self.smallest},"
                f" found {self.expected.emc50:g}"
            )
        return self


Initialisation = Literal["scaled-normal", "torch"]

ScheduleChoice = Annotated[Schedule, BeforeValidator(named)]
LossChoice = Annotated[Loss, BeforeValidator(named)]


def method(value: object) -> object:
    """Let a bare name stand for a search by that method."""
    return {"method": value} if isinstance(value, str) else value


SearchChoice = Annotated[Search, BeforeValidator(method)]
