"""One job of the workflow: an attempt at a stage, its card, its stop by a signal, its failure.

Knows what counts as a failure of the cell and what of the machine, and how a job holds a GPU.
Must not know what a stage computes: a stage is given as a function.
"""
