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

_ABSENT: Final = frozenset({"", "#n/a", "<na>", "n/a", "na", "nan", "nat", "null"})
"""Lower-case words that programs write for a label that is missing."""

_LARGEST: Final = 10**300
"""Within the range of float64."""

_LONGEST: Final = 60
"""Characters of a value that a message shows."""


def is_number(text: str) -> bool:
    """Whether a text is a decimal number below 1e300."""
    return _DECIMAL.fullmatch(text) is not None and abs(Fraction(text)) < _LARGEST


def stands_for_none(word: str) -> bool:
    """Whether a label is what programs write where there is none."""
    return word.strip().lower() in _ABSENT


def number_name(text: str) -> str:
    """A number as it is written most shortly: 01, 1.0 and 1e0 are 1."""
    value = Fraction(text)
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


def likeness_notes(name: str, names: Iterable[str], called: str = "classes") -> list[str]:
    """A note of classes, or whatever they are called, whose names look alike."""
    alike = defaultdict(list)
    for each in names:
        alike[_looks(each)].append(each)
    return [
        f"{name}: {called} {' and '.join(map(ascii, same))} differ only in how they are written"
        for same in alike.values()
        if len(same) > 1
    ]


def _looks(name: str) -> str:
    """The name without capitals, spaces and encodings that look the same; numbers by value."""
    plain = "".join(unicodedata.normalize("NFKC", name).casefold().split())
    digits = "".join(str(unicodedata.decimal(letter, letter)) for letter in plain)
    return number_name(digits) if is_number(digits) else digits


def cut(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
