"""Nets: what layers they have, their initial weights, and the torch modules made of them.

Knows plans of dense and convolutional layers, the sizes of vision transformers, activations and
initialisation.
Must not know how a net is trained, and loads torch only where a module is made
(`emc.nets.module`).
"""

from emc.nets.plan import Conv, Dense, Plan, initial

__all__ = ["Conv", "Dense", "Plan", "initial"]
