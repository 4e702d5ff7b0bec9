"""The functions of expressions. Pure and total; regular expressions are literals."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow import operations as op
from orchestrator.flow.definition import Scope
from orchestrator.flow.patterns import compile_pattern
from orchestrator.flow.types import BOOL, INT, NUMBER, TEXT, TEXTUAL, Type

__all__ = ["FUNCTIONS", "Function"]

Apply: TypeAlias = Callable[[Scope, Sequence[Json]], Json]
Kind: TypeAlias = tuple[frozenset[str], str]

ANYTHING: Kind = (frozenset(), "anything")
A_TEXT: Kind = (TEXTUAL, "a text")
A_NUMBER: Kind = (frozenset({"int", "number", "duration"}), "a number")
A_SERIES: Kind = (TEXTUAL | {"list"}, "a text or list")


@dataclass(frozen=True, slots=True)
class Function:
    """`make` gets the arguments that are written out (null for others): a closure or a refusal.

    `returns` is None where the result is of the first argument's type.
    """

    takes: tuple[Kind, ...]
    returns: Type | None
    make: Callable[[Sequence[Json]], Apply | str]
    most: int = 0

    @property
    def usage(self) -> str:
        takes = ", ".join(what for _, what in self.takes)
        return f"{takes}, …" if self.most else takes


def _simple(apply: Callable[..., Json]) -> Callable[[Sequence[Json]], Apply]:
    return lambda _: lambda _, given: apply(*given)


def _on_text(apply: Callable[[str], str]) -> Callable[[Sequence[Json]], Apply]:
    def on_text(text: Json) -> Json:
        return apply(text) if isinstance(text, str) else None

    return _simple(on_text)


def _length(value: Json) -> Json:
    return len(value) if isinstance(value, str | list) else None  # pyright: ignore[reportUnknownArgumentType]


def _is_set(value: Json) -> Json:
    return value is not None


def _has(series: Json, part: Json) -> Json:
    return op.contains(part, series)


def _starts(text: Json, start: Json) -> Json:
    return isinstance(text, str) and isinstance(start, str) and text.startswith(start)


def _extreme(sign: int, *values: Json) -> Json:
    best = values[0]
    for value in values[1:]:
        if value is None or best is None:
            return None
        best = value if op.ordered(value, best, sign) else best
    return best


def _matches(literals: Sequence[Json]) -> Apply | str:
    if not isinstance(literals[1], str):
        return "the pattern must be written out"
    search = compile_pattern(literals[1])
    if isinstance(search, str):
        return search
    return lambda _, given: isinstance(given[0], str) and search(given[0], whole=False)


def _hours_until(_: Sequence[Json]) -> Apply:
    def hours(scope: Scope, given: Sequence[Json]) -> Json:
        then, now = op.moment(given[0], scope.get("now")), op.moment(scope.get("now"), None)
        return None if then is None or now is None else (then - now) / 3600

    return hours


def _days_until(_: Sequence[Json]) -> Apply:
    def days(scope: Scope, given: Sequence[Json]) -> Json:
        then, now = op.day(given[0]), op.day(scope.get("now"))
        return (then - now).days if then and now else None

    return days


def only_digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


FUNCTIONS: Mapping[str, Function] = {
    "set": Function((ANYTHING,), BOOL, _simple(_is_set)),
    "len": Function((A_SERIES,), INT, _simple(_length)),
    "lower": Function((A_TEXT,), TEXT, _on_text(str.lower)),
    "digits": Function((A_TEXT,), TEXT, _on_text(only_digits)),
    "contains": Function((A_SERIES, ANYTHING), BOOL, _simple(_has)),
    "starts": Function((A_TEXT, A_TEXT), BOOL, _simple(_starts)),
    "matches": Function((A_TEXT, A_TEXT), BOOL, _matches),
    "min": Function((A_NUMBER, A_NUMBER), NUMBER, _simple(partial(_extreme, -1)), most=10),
    "max": Function((A_NUMBER, A_NUMBER), NUMBER, _simple(partial(_extreme, 1)), most=10),
    "hours_until": Function((((frozenset({"datetime"})), "a datetime"),), NUMBER, _hours_until),
    "days_until": Function((((frozenset({"date", "datetime"})), "a date"),), INT, _days_until),
}
