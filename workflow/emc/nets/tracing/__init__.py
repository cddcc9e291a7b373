"""The graph of a module's computation, found by calling the module with symbols for tensors.

Knows torch's functions by name and shape. Must not compute with numbers.
"""

from emc.nets.tracing.trace import set_mode, traced
from emc.nets.tracing.untraceable import UntraceableError

__all__ = ["UntraceableError", "set_mode", "traced"]
