"""The native back end: small dense and convolutional nets trained by C++ compiled for their shape.

Knows plans, procedures and the system's compiler; kernels lie in a cache of the user's.
Must not know torch: a machine that trains natively runs on numpy alone.
"""

from emc.engine.native.back_end import NativeBackEnd

__all__ = ["NativeBackEnd"]
