"""The native back end: small MLPs, CNNs and vision transformers trained by C++ of their shape.

Knows nets as numbers, procedures and the system's compiler; kernels lie in a cache of the user's.
Must not know torch: layered nets train on numpy alone, and only the initial weights of a vision
transformer are drawn by torch.
"""

from emc.engine.native.back_end import NativeBackEnd

__all__ = ["NativeBackEnd"]
