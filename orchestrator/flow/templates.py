"""Texts with `${expression | filter}` in them. Pure.

A text that is exactly one `${…}` without a filter keeps its value's type.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Scope
from orchestrator.flow.expressions import Checked, Evaluate, Tell, compile_expression
from orchestrator.flow.functions import only_digits
from orchestrator.flow.operations import MAX_TEXT, as_text
from orchestrator.flow.part import did_you_mean
from orchestrator.flow.speech import DAYS, MONTHS, spelled, spoken
from orchestrator.flow.types import TEXT, Type, of_value

__all__ = ["Text", "compile_text", "holes", "plain"]

Compile: TypeAlias = Callable[[str, Tell], Checked]
Filter: TypeAlias = Callable[[Json], Json]

FILTER = re.compile(r"([a-z]+)(?:\(\s*'([^']*)'\s*\))?\Z")
PLAIN = re.compile(
    r"\{\{\s*([a-z]\w*)[^{}]*\}\}|(?<![${])\{\s*([a-z]\w*)(?:\.\w+)*\s*\}|\$([a-z]\w*)"
)
DIRECTIVE = re.compile(r"%(.?)")
DATE_PARTS: Mapping[str, Callable[[datetime], str]] = {
    "%": lambda _: "%",
    "A": lambda at: DAYS[at.weekday()],
    "B": lambda at: MONTHS[at.month - 1],
    "H": lambda at: f"{at.hour:02}",
    "M": lambda at: f"{at.minute:02}",
    "Y": lambda at: f"{at.year:04}",
    "a": lambda at: DAYS[at.weekday()][:3],
    "b": lambda at: MONTHS[at.month - 1][:3],
    "d": lambda at: f"{at.day:02}",
    "m": lambda at: f"{at.month:02}",
    "y": lambda at: f"{at.year % 100:02}",
}
SIMPLE: Mapping[str, Callable[[str], str]] = {
    "upper": str.upper,
    "lower": str.lower,
    "digits": only_digits,
    "spell": spelled,
}
NOTHING: Mapping[str, str] = {}
FILTERS = (*SIMPLE, "spoken", "join", "date")


@dataclass(frozen=True, slots=True)
class Text:
    """A compiled text: the type of what it gives, and the two closures of a `Template`."""

    type: Type
    evaluate: Evaluate
    unset: Callable[[Scope], str | None]


@dataclass(frozen=True, slots=True)
class _Hole:
    source: str
    type: Type
    evaluate: Evaluate


def compile_text(
    text: str,
    names: Mapping[str, Type],
    tell: Tell,
    missing: Mapping[str, str] = NOTHING,
    elsewhere: Mapping[str, str] = NOTHING,
) -> Text:
    """Check and compile. Problems E001 to E003 go to `tell`, by their offset in the text.

    `missing` is what stands for variables that have no value; `elsewhere` is as for an expression.
    """

    def compiled(source: str, tell: Tell) -> Checked:
        return compile_expression(source, names, tell, elsewhere=elsewhere)

    pieces = [_worded(piece, missing) for piece in _pieces(text, compiled, tell)]
    holes = [piece for piece in pieces if isinstance(piece, _Hole)]

    def unset(scope: Scope) -> str | None:
        return next((hole.source for hole in holes if hole.evaluate(scope) is None), None)

    if not holes:
        return Text(of_value(text), lambda _: text, unset)
    if len(pieces) == 1:
        return Text(holes[0].type, holes[0].evaluate, unset)

    def evaluate(scope: Scope) -> Json:
        parts = [p if isinstance(p, str) else as_text(p.evaluate(scope)) for p in pieces]
        return "".join(parts)[:MAX_TEXT]

    return Text(TEXT, evaluate, unset)


def _worded(piece: str | _Hole, missing: Mapping[str, str]) -> str | _Hole:
    """The hole with the author's words for a variable that has no value."""
    if isinstance(piece, str) or piece.source not in missing:
        return piece
    words, evaluate = missing[piece.source], piece.evaluate

    def value_or_words(scope: Scope) -> Json:
        value = evaluate(scope)
        return words if value is None else value

    return replace(piece, evaluate=value_or_words)


def _pieces(text: str, compiled: Compile, tell: Tell) -> list[str | _Hole]:
    pieces: list[str | _Hole] = []
    done = 0
    while (start := text.find("${", done)) >= 0:
        bars, end = _scan(text, start + 2)
        if end < 0:
            tell("E003", start, "this ${ is never closed")
            break
        if text[done:start]:
            pieces.append(text[done:start])
        pieces.append(_hole(text, start + 2, [*bars, end], compiled, tell))
        done = end + 1
    if text[done:]:
        pieces.append(text[done:])
    return pieces


def holes(text: str) -> Iterator[tuple[int, str]]:
    """Where the expression of each `${…}` begins, and the expression without its filters."""
    done = 0
    while (start := text.find("${", done) + 2) >= 2:
        bars, end = _scan(text, start)
        if end < 0:
            return
        yield start, text[start : min([*bars, end])]
        done = end + 1


def plain(text: str) -> Iterator[tuple[int, str, str]]:
    """What looks like another language's way to write a value: where, as written, its name."""
    covered = [range(start, start + len(source)) for start, source in holes(text)]
    for match in PLAIN.finditer(text):
        if not any(match.start() in hole for hole in covered):
            yield match.start(), match[0], next(filter(None, match.groups()))


def _scan(text: str, start: int) -> tuple[list[int], int]:
    """Where the filters' bars and the closing brace stand; texts in quotes are passed over."""
    bars: list[int] = []
    quote = ""
    for place in range(start, len(text)):
        char = text[place]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "|":
            # `||` is a slip for `or`: the expression's own message explains it better.
            if "|" not in (text[place - 1], text[place + 1 : place + 2]):
                bars.append(place)
        elif char == "}":
            return bars, place
    return bars, -1


def _hole(text: str, start: int, ends: list[int], compiled: Compile, tell: Tell) -> _Hole:
    def tell_here(code: str, offset: int, message: str, hint: str = "") -> None:
        tell(code, start + offset, message, hint)

    source = text[start : ends[0]]
    checked = compiled(source, tell_here)
    type_, evaluate = checked.type, checked.evaluate
    for bar, end in pairwise(ends):
        written = text[bar + 1 : end]
        change = _filter(written.strip(), type_)
        if isinstance(change, str):
            place = bar + 1 + len(written) - len(written.lstrip())
            tell("E003", place, change, did_you_mean(written.strip(), FILTERS))
            continue
        type_, evaluate = TEXT, _filtered(change, evaluate)
    return _Hole(source.strip(), type_, evaluate)


def _filtered(change: Filter, evaluate: Evaluate) -> Evaluate:
    def filtered(scope: Scope) -> Json:
        value = evaluate(scope)
        return None if value is None else change(value)

    return filtered


def _filter(written: str, type_: Type) -> Filter | str:
    """The filter, or why it is none."""
    match = FILTER.match(written)
    name, argument = (match[1], match[2]) if match else (written, None)
    if name not in FILTERS:
        return f"no filter '{name}'"
    if (argument is not None) != (name == "date"):
        return "date takes a form, as date('%d %B')" if name == "date" else f"{name} takes nothing"
    if name in SIMPLE:
        return lambda value: SIMPLE[name](as_text(value))
    if name == "date":
        return _date_filter(argument or "")
    if name == "join" and type_.name not in ("list", "any"):
        return f"join is for lists, this is {type_}"
    return as_text if name == "join" else lambda value: spoken(value, type_)


def _date_filter(form: str) -> Filter | str:
    for letter in DIRECTIVE.findall(form):
        if letter not in DATE_PARTS:
            return f"'%{letter}' is no part of a date; there are {', '.join(sorted(DATE_PARTS))}"

    def change(value: Json) -> Json:
        try:
            at = datetime.fromisoformat(value)
        except (TypeError, ValueError):
            return as_text(value)
        return DIRECTIVE.sub(lambda part: DATE_PARTS[part[1]](at), form)

    return change
