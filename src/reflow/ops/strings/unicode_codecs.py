"""Bytes to code points and back, with the treatment of malformed input that ICU has in TensorFlow."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from reflow.lang.errors import invalid

REPLACEMENT = 0xFFFD
HIGHEST = 0x10FFFF


class Character(NamedTuple):
    """A code point, how many bytes it stood in, and whether these were malformed."""

    code: int
    size: int
    bad: bool = False


def is_surrogate(code: int) -> bool:
    return 0xD800 <= code <= 0xDFFF


def _utf8(text: bytes) -> Iterator[Character]:
    if text.isascii():
        yield from (Character(code, 1) for code in text)
        return
    at = 0
    while at < len(text):
        try:
            good, stop, after = text[at:].decode(), len(text), len(text)
        except UnicodeDecodeError as error:
            stop, after = at + error.start, at + error.end
            good = text[at:stop].decode()
        for char in good:
            code = ord(char)
            yield Character(code, 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF))
        if after > stop:
            yield Character(REPLACEMENT, after - stop, True)
        at = after


def _utf16(text: bytes) -> Iterator[Character]:
    at = 0
    while at < len(text):
        left = len(text) - at
        unit = int.from_bytes(text[at : at + 2], "big")
        if left == 1 or (0xD800 <= unit < 0xDC00 and left < 4):
            yield Character(REPLACEMENT, left, True)
            return
        size = 2
        if 0xD800 <= unit < 0xDC00:
            low = int.from_bytes(text[at + 2 : at + 4], "big")
            if 0xDC00 <= low < 0xE000:
                unit, size = 0x10000 + ((unit - 0xD800) << 10) + low - 0xDC00, 4
        bad = is_surrogate(unit)
        yield Character(REPLACEMENT if bad else unit, size, bad)
        at += size


def _utf32(text: bytes) -> Iterator[Character]:
    for at in range(0, len(text), 4):
        piece = text[at : at + 4]
        code = int.from_bytes(piece, "big")
        bad = len(piece) < 4 or code > HIGHEST or is_surrogate(code)
        yield Character(REPLACEMENT if bad else code, len(piece), bad)


def _by_codec(name: str) -> Callable[[bytes], Iterator[Character]]:
    try:
        make = codecs.getincrementaldecoder(name)
    except LookupError:
        raise invalid(f"Could not create converter for input encoding: {name}") from None

    def characters(text: bytes) -> Iterator[Character]:
        decoder, size = make(), 0
        for i in range(len(text)):
            size += 1
            try:
                found = decoder.decode(text[i : i + 1], i == len(text) - 1)
            except UnicodeDecodeError:
                yield Character(REPLACEMENT, size, True)
                decoder.reset()
                size = 0
                continue
            for char in found:
                yield Character(ord(char), size)
                size = 0

    return characters


_OWN = {"UTF-8": _utf8, "UTF-16-BE": _utf16, "UTF-32-BE": _utf32}


def reader(encoding: str) -> Callable[[bytes], Iterator[Character]]:
    """What gives the characters of a text in an encoding.

    Raises:
      errors.InvalidArgumentError: if there is no such encoding.
    """
    name = encoding.upper()
    return (
        _OWN.get(name)
        or _OWN.get(name.replace("UTF", "UTF-").replace("--", "-"))
        or _by_codec(encoding)
    )


def encoded(codes: Sequence[int], encoding: str) -> bytes:
    """Code points as a text in one of the encodings that TensorFlow writes."""
    text = "".join(chr(REPLACEMENT if is_surrogate(code) else code) for code in codes)
    return text.encode(encoding)


class Handling:
    """What is done about malformed input.

    Args:
      errors: "strict", "replace" or "ignore".
      replacement: the code point that replaces it.
      controls: whether control characters below U+0020 are replaced too.

    Raises:
      errors.InvalidArgumentError: if `replacement` is no code point.
    """

    def __init__(self, errors: str, replacement: int, controls: bool = False):
        if not 0 <= replacement <= HIGHEST:
            raise invalid("replacement_char out of unicode codepoint range")
        self.strict = errors == "strict"
        self.ignore = errors == "ignore"
        self.replacement = replacement
        self.controls = controls

    def unwanted(self, character: Character) -> bool:
        return character.bad or (self.controls and character.code < 0x20)


def decoded(text: bytes, read: Any, handling: Handling) -> tuple[list[int], list[int]]:
    """The code points of a text, and at which bytes they begin.

    Raises:
      errors.InvalidArgumentError: if it is malformed, and that is not allowed.
    """
    codes, starts, at = [], [], 0
    for character in read(text):
        start, at = at, at + character.size
        code = character.code
        if character.bad and handling.strict:
            raise invalid("Invalid formatting on input string")
        if handling.unwanted(character):
            if handling.ignore:
                continue
            code = handling.replacement
        codes.append(code)
        starts.append(start)
    return codes, starts
