"""Effective Model Complexity: how many samples a training procedure fits.

Importing this package loads nothing heavy: its names arrive at first use, so that a
Snakefile parses without torch, duckdb or altair.
"""

__version__ = "0.1.0"
