"""What the rules run: `python -m emc.scripts.NAME`, one module per rule.

Knows the command line of its rule.
Must not know how anything is done: each calls one function of the floors below.
"""
