"""Back ends that train many replicas as one stack of parameters: `vmap` and `compiled`.

Knows how replicas share a step, leave the stack when they end, and fit into memory.
Must not know how a single optimizer steps, or what a replica is measured for.
"""
