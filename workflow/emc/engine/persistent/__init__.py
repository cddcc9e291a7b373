"""The back end `persistent`: nets that a kernel trains from start to stop on a GPU.

They are MLPs, CNNs and vision transformers. Knows nets as numbers, procedures, and a machine that
runs blocks. Must not know torch, but for the reference that a kernel's first steps are held
against. It has never run on a card: its kernel is tested on the processor, and compiled for cards,
as profiles/README.md says.
"""

from emc.engine.persistent.back_end import Persistent

__all__ = ["Persistent"]
