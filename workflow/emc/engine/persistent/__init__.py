"""The back end `persistent`: MLPs and CNNs that a kernel trains from start to stop on a GPU.

Knows nets as numbers, procedures, and a machine that runs blocks. Must not know torch, but for the
reference that a kernel's first epoch is held against. It has never run on a card: its kernel is
tested on the processor, and compiled for cards, as profiles/README.md says.
"""

from emc.engine.persistent.back_end import Persistent

__all__ = ["Persistent"]
