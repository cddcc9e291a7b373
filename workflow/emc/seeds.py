"""Random streams: every draw of a probe comes from the probe's own seed and a word."""

from hashlib import blake2b

import numpy as np


def derive(*parts: object) -> int:
    """A 63-bit seed from the parts' text; distinct parts give independent streams."""
    text = "\x1f".join(str(part) for part in parts)
    digest = blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def generator(*parts: object) -> np.random.Generator:
    """A numpy generator seeded by the parts; the same on every machine."""
    return np.random.Generator(np.random.Philox(derive(*parts)))
