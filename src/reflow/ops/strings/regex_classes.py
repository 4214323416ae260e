"""RE2's named classes of characters as ranges: `[:alpha:]`, `\\pN`, `\\p{Greek}`.

`re` knows none of them. A class is a list of ranges of code points, so that its opposite is one too and
both can stand within brackets. https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from functools import cache

from reflow.lang import errors

Ranges = list[tuple[int, int]]  # first and last

_ASCII = {
    "alnum": "09AZaz", "alpha": "AZaz", "ascii": "\x00\x7f", "blank": "\t\t  ", "cntrl": "\x00\x1f\x7f\x7f",
    "digit": "09", "graph": "!~", "lower": "az", "print": " ~", "punct": "!/:@[`{~", "space": "\t\r  ",
    "upper": "AZ", "word": "09AZ__az", "xdigit": "09AFaf",
}  # fmt: skip
# In the order of ICU's numbers, which tools/make_unicode_scripts.py writes down.
_SCRIPT_NAMES = """
Common Inherited Arabic Armenian Bengali Bopomofo Cherokee Coptic Cyrillic Deseret Devanagari Ethiopic Georgian
Gothic Greek Gujarati Gurmukhi Han Hangul Hebrew Hiragana Kannada Katakana Khmer Lao Latin Malayalam Mongolian
Myanmar Ogham Old_Italic Oriya Runic Sinhala Syriac Tamil Telugu Thaana Thai Tibetan Canadian_Aboriginal Yi
"""
_SCRIPTS = _SCRIPT_NAMES.split()
_CATEGORY_NAMES = """
C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs
"""
_CATEGORIES = _CATEGORY_NAMES.split()


@cache
def _runs_of_categories() -> list[tuple[int, int, str]]:
    """Runs of characters of one category, without those that are none (beyond 0x40000 all but a few)."""
    runs: list[tuple[int, int, str]] = []
    for begin, end in ((0, 0x40000), (0xE0000, 0xE0200)):
        first, before = begin, unicodedata.category(chr(begin))
        for code in range(begin + 1, end):
            category = unicodedata.category(chr(code))
            if category != before:
                runs.append((first, code - 1, before))
                first, before = code, category
        runs.append((first, end - 1, before))
    runs += [(0xF0000, 0xFFFFD, "Co"), (0x100000, 0x10FFFD, "Co")]
    return [run for run in runs if run[2] != "Cn"]


@cache
def _runs_of_scripts() -> list[tuple[int, int, int]]:
    from reflow.ops.strings.unicode_scripts import RUNS

    runs, first = [], 0
    for run in RUNS.split():
        size, script = (int(part, 16) for part in run.split("."))
        runs.append((first, first + size - 1, script))
        first += size
    return runs


def opposite(ranges: Ranges) -> Ranges:
    """All characters that a class does not have."""
    out, at = [], 0
    for first, last in ranges:
        if first > at:
            out.append((at, first - 1))
        at = last + 1
    return out if at > sys.maxunicode else [*out, (at, sys.maxunicode)]


def _bracketed(ranges: Iterable[tuple[int, int]]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def posix_class(pattern: str, name: str, negated: bool) -> str:
    """What stands between brackets for `[:name:]` or `[:^name:]`.

    Raises:
      InvalidArgumentError: if RE2 has no such class.
    """
    ends = _ASCII.get(name)
    if ends is None:
        raise _invalid(pattern, f"[:{'^' * negated}{name}:]")
    ranges = [(ord(first), ord(last)) for first, last in zip(ends[::2], ends[1::2])]
    return _bracketed(opposite(ranges) if negated else ranges)


@cache
def unicode_class(pattern: str, escape: str, name: str) -> str:
    """What stands between brackets for a category or script of Unicode.

    Args:
      pattern: the expression that it is in, for errors.
      escape: `p`, or `P` for the opposite.
      name: a category (`L`, `Nd`), a script (`Latin`) or `Any`; with `^` before it for the opposite.

    Raises:
      InvalidArgumentError: if it is not the form of a name of Unicode.
      UnimplementedError: if it is a script whose name is not known here.
    """
    negated = (escape == "P") != name.startswith("^")
    name = name.removeprefix("^")
    if name == "Any":
        ranges = [(0, sys.maxunicode)]
    elif name in _CATEGORIES:
        ranges = [(a, b) for a, b, each in _runs_of_categories() if each.startswith(name)]
    elif name in _SCRIPTS:
        number = _SCRIPTS.index(name)
        ranges = [(a, b) for a, b, each in _runs_of_scripts() if each == number]
    elif name.replace("_", "").isalpha() and len(name) > 2 and name[0].isupper():
        raise errors.UnimplementedError(
            None,
            None,
            f"\\{escape}{{{name}}} in a regular expression: a script without its name here",
        )
    else:
        raise _invalid(pattern, f"\\{escape}{{{name}}}")
    return _bracketed(opposite(ranges) if negated else ranges)


def _invalid(pattern: str, what: str) -> errors.InvalidArgumentError:
    return errors.InvalidArgumentError(
        None, None, f"Invalid pattern: {pattern}, error: invalid character class range: {what}"
    )
