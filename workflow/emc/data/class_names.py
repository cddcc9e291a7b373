"""How classes are called, and names that mean the same."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from typing import Final

_DIGITS: Final = r"\d{1,300}"  # Python converts no more than 4,300 without an error
_DECIMAL: Final = re.compile(
    rf"[+-]?({_DIGITS}\.?|{_DIGITS}\.{_DIGITS}|\.{_DIGITS})([eE][+-]?\d{{1,3}})?", re.ASCII
)

_LARGEST: Final = 10**300
"""Within the range of float64."""

_LONGEST: Final = 60
"""Characters of a value that a message shows."""


def is_number(text: str) -> bool:
    """Whether a text is a decimal number below 1e300."""
    return _DECIMAL.fullmatch(text) is not None and abs(Fraction(text)) < _LARGEST


def number_name(text: str) -> str:
    """A number as it is written most shortly: 01, 1.0 and 1e0 are 1."""
    value = Fraction(text)
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


def likeness_notes(name: str, names: Iterable[str]) -> list[str]:
    """A note of classes whose names look alike."""
    alike = defaultdict(list)
    for each in names:
        alike[_looks(each)].append(each)
    return [
        f"{name}: classes {' and '.join(map(ascii, same))} differ only in how they are written"
        for same in alike.values()
        if len(same) > 1
    ]


def _looks(name: str) -> str:
    """The name without capitals, spaces and encodings that look the same; numbers by value."""
    if is_number(name):
        return number_name(name)
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def cut(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
