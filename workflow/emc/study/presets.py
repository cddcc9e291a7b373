"""Named parts of a cell that come with the product; a study file can add its own."""

from types import MappingProxyType
from typing import Any, Final

PRESETS: Final = MappingProxyType[str, dict[str, Any]](
    {
        "strict": {},
        "study-code": {
            "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
            "schedule": "cosine",
            "batch": {"size": 640, "order": "ragged"},
            "budget": {"steps": 400_000},
            "criterion": 0.995,
            "initialisation": "torch",
            "search": "ladder",
        },
    }
)
"""`strict` is the default; `study-code` holds the settings of the published study's own code."""
