"""A cell: one procedure on one source, the unit of work and of caching."""

from decimal import Decimal
from typing import Annotated, Final, Self

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from emc.errors import EmcError
from emc.study.activation import ActivationChoice
from emc.study.architectures import Architecture, Linear, Scaled, sized
from emc.study.datasets import DataSet, Facts
from emc.study.labels import Labels, label_classes, unsuitable
from emc.study.optimizers import Optimizer
from emc.study.parameterisation import ParameterisationChoice, Subspace
from emc.study.search import Search, SearchChoice
from emc.study.strict import Count, Positive, Strict, Whole, is_canonical
from emc.study.training import (
    DEFAULT_STEPS,
    Batch,
    Budget,
    Finish,
    Initialisation,
    LossChoice,
    ScheduleChoice,
    Stopping,
    short_of_an_epoch,
)

_MOST_PARAMETERS: Final = 10**12
_FAR: Final = 2
"""The factor by which a net may miss the number of parameters that it is asked to have."""

_BEYOND: Final = 4
"""The factor by which an expected emc50 may exceed the samples: of more the data tell nothing."""


class Cell(Strict):
    """Everything that decides one EMC number. The study author's manual describes the keys."""

    dataset: DataSet
    """Where the inputs come from."""
    labels: Labels = Field(default="original", validate_default=True)
    """What is to be fitted: the data set's own labels, or others."""
    architecture: Architecture
    """The net: its family and its size."""
    activation: ActivationChoice = "relu"
    """Activation of every hidden layer."""
    initialisation: Initialisation = "scaled-normal"
    """`scaled-normal`: weights N(0, gain^2 / fan_in) with the activation's gain, zero biases;
    `torch`: PyTorch's default, weights and biases U(-1, 1) / sqrt(fan_in). Published families
    start as their publishers' code has them, which counts as `torch`."""
    parameterisation: ParameterisationChoice = Field(default="full", validate_default=True)
    """What is trained: the net's weights themselves, or what they are made of."""
    optimizer: Optimizer = Field(default="sgd", validate_default=True)
    """How the net is trained, and at which learning rates."""
    schedule: ScheduleChoice = Field(default="constant", validate_default=True)
    """What becomes of the learning rate over the budget."""
    batch: Batch = Batch()
    """Which samples a step sees; `gd` sees them all."""
    loss: LossChoice = Field(default="cross-entropy", validate_default=True)
    """What training minimises."""
    budget: Budget = Budget(steps=DEFAULT_STEPS)
    """How long a probe may train."""
    criterion: Annotated[Positive, Field(le=1)] = 1.0
    """Training accuracy that counts as a fit."""
    stopping: Stopping = Stopping()
    """When a probe that does not fit has converged: both tests must hold."""
    finish: Finish = Finish()
    """How a probe that did not fit within its budget is brought to a minimum."""
    search: SearchChoice = Search()
    """How the sizes n are chosen, and when the cell is done."""
    endpoints: Count = 3
    """End points kept for certification: this many unfitted probes nearest below emc50, as many
    nearest above it, and as many of the largest fits."""
    seed: Annotated[Whole, Field(ge=0)] = 0
    """Another seed measures the same cell again, independently."""
    _known: Facts | None = PrivateAttr(default=None)

    @property
    def known(self) -> Facts | None:
        """What is known of the data set; None where its files were not looked at."""
        return self._known

    def knowing(self, facts: Facts) -> Self:
        """The same cell with what is known of its prepared data set."""
        copy = self.model_copy()
        copy._known = facts
        return copy

    @property
    def facts(self) -> Facts:
        """What is known of the data set.

        Raises:
            EmcError: nothing is known; then the prepared data set's manifest tells.
        """
        if self._known is None:
            raise EmcError(f"the shape of {self.dataset.name!r} is unknown until it is prepared")
        return self._known

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input."""
        return self.facts.shape

    @property
    def classes(self) -> int:
        """Number of classes the net tells apart."""
        return label_classes(self.labels, self.facts.classes)

    @property
    def parameters(self) -> int:
        """Number of trainable parameters of the net."""
        return self.architecture.parameters(self.shape, self.classes)

    @property
    def trainable(self) -> int:
        """Numbers that train: all parameters unless the net is reparameterised."""
        return self.parameterisation.trainable(self.architecture, self.shape, self.classes)

    @property
    def bits(self) -> int:
        """Bits that hold the numbers that train."""
        return self.trainable * self.parameterisation.bits_per_number

    def unsuitable(self, shape: tuple[int, ...], classes: int) -> str | None:
        """Why the net cannot take such inputs or be parameterised so, or None."""
        if found := self.architecture.unsuitable(shape):
            return f"architecture: {found}"
        if found := self.parameterisation.unsuitable(self.architecture, shape, classes):
            return f"parameterisation: {found}"
        return self._without_matrices()

    def _without_matrices(self) -> str | None:
        name = self.optimizer.name
        if not self.optimizer.hidden_matrix:
            return None
        if isinstance(self.architecture, Linear):
            return f"optimizer: {name!r} has no hidden matrix to work on in a linear model"
        if isinstance(self.parameterisation, Subspace):
            return f"optimizer: {name!r} has no matrix to work on in a subspace"
        return None

    @model_validator(mode="after")
    def _parts_fit_together(self, info: ValidationInfo) -> Self:
        self._known = self.dataset.facts
        if is_canonical(info):
            return self  # a plug-in's net that fails from now on is the fault of this cell alone
        self._look(info)
        if found := self._unsuitable_data() or self._unanswerable():
            raise ValueError(found)
        try:
            self._settle_size()
        except EmcError as error:
            raise ValueError(f"architecture: {error}") from None
        if self._known and (found := self.unsuitable(self.shape, self.classes)):
            raise ValueError(found)
        if self.optimizer.full_batch:
            self._settle("batch", Batch())
        if isinstance(self.architecture, Linear):
            self._settle("activation", "identity")
        if self.architecture.own_initialisation:
            self._settle("initialisation", "torch")
        return self

    def _look(self, info: ValidationInfo) -> None:
        """Take what the data set's files tell, if the validation's context looks at them."""
        look = (info.context or {}).get("look")
        if look is None:
            return
        try:
            self._known = look(self.dataset)
        except EmcError as error:  # others tell it, unless a size hangs on it
            if self._params is not None:
                raise ValueError(
                    f"architecture: 'params': the inputs of the data set are not known: {error}"
                ) from None

    @property
    def _params(self) -> float | None:
        """The number of parameters that the net is asked to have, where its width is not given."""
        return self.architecture.params if isinstance(self.architecture, Scaled) else None

    def _unanswerable(self) -> str | None:
        """Why the budget or the finish cannot answer what the search aims at, or None."""
        if self.search.aim == "minima" and not self.finish.iterations:
            return (
                "finish.iterations: 0 finishes no probe, so that nothing is known of minima:"
                " expected 'search: {aim: budget}' with it"
            )
        size = None if self.optimizer.full_batch else self.batch.size
        short = short_of_an_epoch(self.budget.steps, self.search.smallest, size)
        return short and f"budget.steps: {short}"

    def _settle_size(self) -> None:
        if isinstance(self.architecture, Scaled) and self.architecture.params is not None:
            self._size_of(self.architecture, self.architecture.params)
        if self._known is not None:
            self._check_count()

    def _size_of(self, asked: Scaled, wanted: float) -> None:
        found = sized(asked, self.shape, self.classes)
        self._settle("architecture", found)
        self._check_count()
        if not wanted / _FAR <= self.parameters <= wanted * _FAR:
            raise EmcError(
                f"the width nearest to {wanted:g} parameters is {found.width}, with"
                f" {self.parameters:,}: give a 'width', another depth or other 'params'"
            )

    def _check_count(self) -> None:
        if self.parameters > _MOST_PARAMETERS:
            count = Decimal(self.parameters)
            raise EmcError(f"expected at most 1e12 parameters, found {count:.2e}")

    def _settle(self, key: str, value: object) -> None:
        """Write what the other keys imply, so that equal procedures are equal cells."""
        object.__setattr__(self, key, value)

    def _unsuitable_data(self) -> str | None:
        facts = self._known
        if facts is None:
            return self._unsized()
        if found := unsuitable(facts, self.labels):
            return found
        smallest = self.search.smallest
        if facts.samples is not None and smallest > facts.samples:
            return (
                f"search.smallest: expected at most the {facts.samples} samples there are, found"
                f" {smallest}"
            )
        if facts.samples is not None and (found := self._expects_too_much(facts.samples)):
            return found
        if found := self.architecture.unsuitable(facts.shape):
            return f"architecture: {found}"
        return None

    def _expects_too_much(self, samples: int) -> str | None:
        expected = self.search.expected
        if expected is None or expected.emc50 <= _BEYOND * samples:
            return None
        return (
            f"search.expected.emc50: expected at most {_BEYOND} times the {samples} samples there"
            f" are, found {expected.emc50:g}"
        )

    def _unsized(self) -> str | None:
        if self._params is None:
            return None
        return (
            "architecture: 'params': expected a known input shape, found a data set"
            f" {self.dataset.name!r}, whose shape is known only once it is prepared: give 'width'"
            " instead"
        )
