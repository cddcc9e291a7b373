"""Questions that a database answers once: nothing can change it while it is open."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar
from weakref import WeakKeyDictionary

from emc.warehouse.open import Warehouse

Answer = TypeVar("Answer")


def once(question: Callable[[Warehouse], Answer]) -> Callable[[Warehouse], Answer]:
    """Ask each open database at most once; all who ask share the answer and leave it as it is."""
    known: WeakKeyDictionary[Warehouse, Answer] = WeakKeyDictionary()

    @wraps(question)
    def asked(warehouse: Warehouse) -> Answer:
        if warehouse not in known:
            known[warehouse] = question(warehouse)
        return known[warehouse]

    return asked
