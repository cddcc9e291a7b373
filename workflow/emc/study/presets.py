"""Named parts of a cell that come with the product; a study file can add its own."""

from types import MappingProxyType
from typing import Any, Final

PRESETS: Final = MappingProxyType[str, dict[str, Any]](
    {
        "strict": {},
        "study": {
            "optimizer": {"name": "sgd", "momentum": 0.9},
            "criterion": 1.0,
            "search": "walk",
        },
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
"""`strict` is the default; `study` holds what the published study says of its protocol, and
`study-code` the settings of its own code."""
