"""Compiled C++ kernels: the compiler, its cache, the sources, and a training loss in them.

Knows nets as numbers and the system's compiler; kernels lie in a cache of the user's. Must not
know torch, how nets are trained, or what is asked of a loss.
"""
