"""Data sets, each one tensor file with a manifest, and the labellings of their samples.

Knows where originals come from, how their formats are read, how inputs are standardised, which
of them are equal, and which samples, inputs and labels a probe gets.
Must not know nets, training or how sizes are chosen.
"""

from emc.data.labelling import Drawn, draw, for_testing
from emc.data.manifest import Manifest, read_manifest
from emc.data.samples import Samples, open_samples, verify

__all__ = [
    "Drawn",
    "Manifest",
    "Samples",
    "draw",
    "for_testing",
    "open_samples",
    "read_manifest",
    "verify",
]
