"""The factors whose levels can be compared, and what must be equal when they are."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Factor:
    """A column that tells levels apart, and the keys of a cell's definition that go with it.

    `equal_size` asks for nets of nearly as many parameters; `measure` is the column of the view
    `emc` that is compared, as `measured` says it in words.
    """

    name: str
    keys: tuple[str, ...]
    equal_size: bool = False
    measure: str = "emc50"

    @property
    def measured(self) -> str:
        """What is compared, in words."""
        return _MEASURES[self.measure]


def of_equal_size(name: str, *keys: str) -> Factor:
    """A factor whose levels are compared per parameter, at nearly equal size."""
    return Factor(name, keys, equal_size=True, measure="per_parameter")


_MEASURES: Final = {
    "emc50": "EMC",
    "per_parameter": "EMC per parameter",
    "per_trainable": "EMC per trainable number",
    "per_bit": "EMC per bit",
}

SIZE: Final = Factor("width", ("architecture.width",))
"""What sets nets of one family and depth apart."""

FACTORS: Final = {
    factor.name: factor
    for factor in (
        of_equal_size("architecture", "architecture"),
        Factor("optimizer", ("optimizer",)),
        Factor("activation", ("activation",)),
        Factor("initialisation", ("initialisation",)),
        Factor("labels", ("labels",)),
        of_equal_size("dataset", "dataset", "architecture.width"),
        of_equal_size("depth", "architecture.depth", "architecture.width"),
        Factor("parameterisation", ("parameterisation",), measure="per_trainable"),
        Factor("weight_decay", ("optimizer.weight_decay",)),
        Factor("momentum", ("optimizer.momentum",)),
        Factor("label_smoothing", ("loss.label_smoothing",)),
        Factor("loss", ("loss.name",)),
        Factor("schedule", ("schedule",)),
        Factor("batch", ("batch.size",)),
        Factor("batch_order", ("batch.order",)),
    )
}
"""Factors that are columns of the view `emc`."""
