"""Which rule an optimizer steps by."""

from collections.abc import Callable

from emc.engine.muon import Muon
from emc.engine.procedure import Update
from emc.engine.shampoo import Shampoo
from emc.engine.soap import Soap
from emc.engine.update import Elementwise, Rule, Shapes

DECOMPOSING = ("shampoo", "soap")
"""Optimizers that decompose matrices now and then: no fixed list of operations."""

_RULES: dict[str, Callable[[Update, Shapes], Rule]] = {
    "shampoo": Shampoo,
    "soap": Soap,
    "muon": Muon,
}


def rule(update: Update, shapes: Shapes) -> Rule:
    """The rule for parameters of these shapes.

    Raises:
        EmcError: the optimizer does not suit such parameters.
    """
    return _RULES.get(update.name, Elementwise)(update, shapes)
