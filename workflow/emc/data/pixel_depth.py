"""What the channels of an image hold, where it is more than a number of 8 bits.

Pillow keeps the upper 8 bits of deeper colour, and reads numbers with a sign as those without:
pictures of 12 bits in files of 16 would be black, and nothing would tell.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from PIL.Image import Image

_BITS_PER_SAMPLE: Final = 258
_SAMPLE_FORMAT: Final = 339
"""Tags of TIFF."""


def deeper(image: "Image") -> str | None:
    """What an image's channels hold, before its pixels are loaded; None for numbers of 8 bits."""
    own = _OF_FORMAT.get(str(image.format), lambda _: None)(image)
    if own is None and image.mode[0] in "IF":
        own = "more than 8 bits"
    return own and f"{own} (mode {image.mode})"


def _of_png(image: Any) -> str | None:
    return "16 bits" if any(tile.args.endswith(";16B") for tile in image.tile) else None


def _of_ppm(image: Any) -> str | None:
    """A tile's arguments are the mode and the largest number, where that is not 255."""
    most = max((tile.args[1] for tile in image.tile if not isinstance(tile.args, str)), default=0)
    return f"numbers up to {most:,}" if most > 255 else None


def _of_tiff(image: Any) -> str | None:
    bits = max(image.tag_v2.get(_BITS_PER_SAMPLE, (1,)))
    kind = _SAMPLES.get(max(image.tag_v2.get(_SAMPLE_FORMAT, (1,))))
    if kind is None and bits <= 8:
        return None
    return f"{bits} bits" if kind is None else f"{kind} of {bits} bits"


_SAMPLES: Final = {2: "numbers with a sign", 3: "floating-point numbers"}
_OF_FORMAT: Final[dict[str, Callable[[Any], str | None]]] = {
    "PNG": _of_png,
    "PPM": _of_ppm,
    "TIFF": _of_tiff,
}
