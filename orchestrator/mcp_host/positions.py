"""Where the values of a JSON text stand, so that problems can name a line. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

__all__ = ["JsonPath", "lines", "nearest"]

JsonPath: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root: `("mcpServers", "menu", "args", 0)`."""

Token: TypeAlias = tuple[str, int]

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def lines(text: str) -> Mapping[JsonPath, int]:
    """The line, counted from 1, on which each key and element of a *valid* JSON text begins."""
    found: dict[JsonPath, int] = {}
    tokens = _tokens(text)
    _value(next(tokens), tokens, (), found)
    return found


def nearest(found: Mapping[JsonPath, int], path: JsonPath) -> int:
    """The line of a path, or else of the innermost part of it that is there."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


def _tokens(text: str) -> Iterator[Token]:
    line, counted = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", counted, match.start())
        counted = match.start()
        yield match.group(), line


def _value(token: Token, rest: Iterator[Token], path: JsonPath, found: dict[JsonPath, int]) -> None:
    text, line = token
    found.setdefault(path, line)
    if text == "{":
        for key in _members(rest, "}"):
            inner = (*path, json.loads(key[0]))
            found[inner] = key[1]
            next(rest)  # the colon
            _value(next(rest), rest, inner, found)
    elif text == "[":
        for index, element in enumerate(_members(rest, "]")):
            _value(element, rest, (*path, index), found)


def _members(rest: Iterator[Token], close: str) -> Iterator[Token]:
    """The first token of each member; the caller takes the others from `rest` in between."""
    for token in rest:
        if token[0] == close:
            return
        if token[0] != ",":
            yield token
