"""Regular expressions on strings. The language is RE2's: https://github.com/google/re2/wiki/Syntax

Patterns are translated to Python's `re`. What RE2 has and `re` has not is refused by name, and so is
what `re` has and RE2 has not (back references, looking around), which TensorFlow refuses too.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from reflow.lang import errors
from reflow.lang.export import export
from reflow.ops import shape_rules
from reflow.ops.define import op
from reflow.ops.strings.regex_classes import posix_class, unicode_class
from reflow.ops.strings.string_ops import mapped, measured


def _translated(pattern: str) -> str:
    """An RE2 pattern in the language of `re`."""
    out: list[str] = []
    i, in_class = 0, False
    multiline = re.match(r"\(\?[a-z]*m", pattern) is not None
    while i < len(pattern):
        char = pattern[i]
        if char == "\\" and i + 1 < len(pattern):
            after = pattern[i + 1]
            if after in "CX":
                raise errors.UnimplementedError(None, None, f"\\{after} in a regular expression")
            named = re.match(r"\\[pP](?:\{(\^?\w+)\}|(\w))", pattern[i:])
            if named:
                inner = unicode_class(pattern, after, named[1] or named[2])
                out.append(inner if in_class else f"[{inner}]")
                i += named.end()
                continue
            if after.isdigit() and after != "0":
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Invalid pattern: {pattern}, error: invalid escape sequence: \\{after}",
                )
            if after == "Q":
                end = pattern.find("\\E", i)
                end = len(pattern) if end < 0 else end
                out.append(re.escape(pattern[i + 2 : end]))
                i = end + 2
                continue
            braces = re.match(r"\\x\{([0-9A-Fa-f]+)\}", pattern[i:])
            if braces:
                out.append(re.escape(chr(int(braces[1], 16))))
                i += braces.end()
                continue
            out.append("\\Z" if after == "z" else char + after)
            i += 2
            continue
        if in_class:
            named = re.match(r"\[:(\^?)(\w+):\]", pattern[i:])
            if named:
                out.append(posix_class(pattern, named[2], bool(named[1])))
                i += named.end()
                continue
            in_class = char != "]"
            out.append("\\[" if char == "[" else char)
        elif char == "[":
            in_class = True
            start = re.match(r"\[\^?\]?", pattern[i:])
            assert start is not None
            out.append(start[0].replace("]", "\\]"))
            i += start.end()
            continue
        elif char == "$" and not multiline:
            out.append("\\Z")
        elif pattern.startswith(("(?=", "(?!", "(?<=", "(?<!", "(?P=", "(?>", "(?("), i):
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Invalid pattern: {pattern}, error: invalid perl operator: {pattern[i : i + 3]}",
            )
        else:
            out.append(char)
        i += 1
    return "".join(out)


@lru_cache(256)
def compiled(pattern: bytes) -> re.Pattern[str]:
    """The pattern, made ready; characters are those of UTF-8, \\w, \\d, \\s those of ASCII.

    Raises:
      errors.InvalidArgumentError: if RE2 would not take it.
    """
    text = pattern.decode("utf-8", "surrogateescape")
    try:
        return re.compile(_translated(text), re.ASCII)
    except (re.error, OverflowError) as error:
        raise errors.InvalidArgumentError(
            None, None, f"Invalid pattern: {text}, error: {error}"
        ) from None


@lru_cache(256)
def _rewrite_parts(rewrite: bytes, groups: int) -> tuple[Any, ...] | None:
    """A rewrite as literal texts and numbers of groups; None if it asks for one that is not there."""
    text = rewrite.decode("utf-8", "surrogateescape")
    parts: list[Any] = []
    for literal, escape in re.findall(r"([^\\]+)|\\(.?)", text, re.DOTALL):
        if literal:
            parts.append(literal)
        elif escape.isdigit() and escape.isascii():
            if int(escape) > groups:
                return None  # RE2 then replaces nothing
            parts.append(int(escape))
        elif escape == "\\":
            parts.append("\\")
        else:
            raise errors.InvalidArgumentError(None, None, f"Invalid rewrite pattern: {text}")
    return tuple(parts)


def _replaced(text: bytes, pattern: re.Pattern[str], parts: Any, everywhere: bool) -> bytes:
    source = text.decode("utf-8", "surrogateescape")
    out: list[str] = []
    at, last = 0, -1
    while at <= len(source):
        found = pattern.search(source, at)
        if found is None:
            break
        out.append(source[at : found.start()])
        at = found.end()
        if found.start() == at == last:  # nothing, right after the match before
            out.append(source[at : at + 1])
            at += 1
            continue
        for part in parts:
            out.append(part if isinstance(part, str) else found.group(part) or "")
        last = at
        if not everywhere:
            break
    out.append(source[at:])
    return "".join(out).encode("utf-8", "surrogateescape")


def _replace(input: Any, pattern: Any, rewrite: Any, everywhere: bool) -> np.ndarray:
    ready = compiled(_scalar(pattern, "Pattern"))
    parts = _rewrite_parts(_scalar(rewrite, "Rewrite"), ready.groups)
    if parts is None:
        return np.asarray(input, object)
    return mapped(lambda text: _replaced(text, ready, parts, everywhere), input)


def _scalar(value: Any, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes):
        return value
    if np.ndim(value):
        raise ValueError(f"{what} must be scalar, but received shape {list(np.shape(value))}")
    return np.asarray(value, object).item()


def _scalars(input: Any, *rest: Any) -> Any:
    for each in rest:
        each._shape.with_rank(0)
    return input._shape


@op(
    "RegexReplace(input: string, pattern: string, rewrite: string, *,"
    " replace_global: bool = True) -> output: string",
    shape=_scalars,
    grad=None,
)
def regex_replace_op(xp, input, pattern, rewrite, *, replace_global):
    """Strings with matches of a regular expression replaced."""
    return _replace(input, pattern, rewrite, replace_global)


@op(
    "StaticRegexReplace(input: string, *, pattern: string, rewrite: string,"
    " replace_global: bool = True) -> output: string",
    shape=shape_rules.same,
    grad=None,
)
def static_regex_replace_op(xp, input, *, pattern, rewrite, replace_global):
    """`RegexReplace` with a fixed pattern and rewrite."""
    return _replace(input, pattern, rewrite, replace_global)


@export("strings.regex_replace", v1=("regex_replace",))
def regex_replace(
    input: Any, pattern: Any, rewrite: Any, replace_global: bool = True, name: str | None = None
) -> Any:
    """Strings with the matches of a regular expression replaced.

    Args:
      input: a string tensor.
      pattern: a string, in the syntax of RE2.
      rewrite: what to put there; "\\\\1" to "\\\\9" stand for groups, "\\\\0" for the match.
      replace_global: whether all matches are replaced, or the first.

    Raises:
      InvalidArgumentError: if the pattern or the rewrite is not valid.

    >>> import reflow as tf
    >>> tf.strings.regex_replace("a1b22", "[0-9]+", "<\\\\0>").numpy()
    b'a<1>b<22>'
    """
    if isinstance(pattern, (str, bytes)) and isinstance(rewrite, (str, bytes)):
        return static_regex_replace_op(
            input, pattern=pattern, rewrite=rewrite, replace_global=replace_global, name=name
        )
    return regex_replace_op(input, pattern, rewrite, replace_global=replace_global, name=name)


def _matches(input: Any, pattern: Any) -> np.ndarray:
    ready = compiled(_scalar(pattern, "Pattern"))
    return measured(
        lambda text: ready.fullmatch(text.decode("utf-8", "surrogateescape")) is not None,
        input,
        bool,
    )


@op("RegexFullMatch(input: string, pattern: string) -> output: bool", shape=_scalars, grad=None)
def regex_full_match_op(xp, input, pattern):
    """Whether strings match a regular expression from beginning to end."""
    return _matches(input, pattern)


@op(
    "StaticRegexFullMatch(input: string, *, pattern: string) -> output: bool",
    shape=shape_rules.same,
    grad=None,
)
def static_regex_full_match_op(xp, input, *, pattern):
    """`RegexFullMatch` with a fixed pattern."""
    return _matches(input, pattern)


@export("strings.regex_full_match")
def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Any:
    """Whether strings match a regular expression from beginning to end.

    Args:
      input: a string tensor.
      pattern: a string, in the syntax of RE2.

    Returns:
      A bool tensor of the same shape.

    Raises:
      InvalidArgumentError: if the pattern is not valid.

    >>> import reflow as tf
    >>> tf.strings.regex_full_match(["ab", "abc"], "[ab]+").numpy().tolist()
    [True, False]
    """
    if isinstance(pattern, (str, bytes)):
        return static_regex_full_match_op(input, pattern=pattern, name=name)
    return regex_full_match_op(input, pattern, name=name)
