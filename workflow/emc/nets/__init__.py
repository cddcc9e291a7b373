"""Nets: what layers they have, their initial weights, and the torch modules made of them.

Knows layers (dense and convolutional), the sizes of vision transformers, activations and
initialisation.
Must not know how a net is trained, and loads torch only where a module is made
(`emc.nets.module`).
"""

from emc.nets.layers import Conv, Dense, Layers, initial

__all__ = ["Conv", "Dense", "Layers", "initial"]
