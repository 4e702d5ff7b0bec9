"""Values: JSON Schema that shows a type to the model, and acceptance of what comes back. Pure.

A value is normalised, read as its type, and held to min, max and pattern. `Rejected` says
what is wrong in words that the model may repeat to the caller.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Accept, Rejected, Scope
from orchestrator.flow.operations import is_list, is_object
from orchestrator.flow.patterns import compile_pattern
from orchestrator.flow.shapes import Param, Shape, parse_duration
from orchestrator.flow.types import ANY, TEXTUAL, Type

__all__ = [
    "accept_each",
    "acceptor",
    "arguments_acceptor",
    "fits",
    "literal",
    "normaliser",
    "schema_of",
]

Read: TypeAlias = Callable[[Json, Scope], Json]

MAX_TEXT = 2_000
MAX_ITEMS = 200
MAX_SIZE = 100_000
LEAST = 8  # what a value counts in the size of what holds it
MAX_DEPTH = 40
MAX_NUMBER = 2**53

CLOCK = re.compile(r"([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?::[0-9]{2})? *(?:([ap])\.?m\.?)?", re.I)
NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?", re.ASCII)
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63}){1,8}")
PHONE = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
PUNCTUATION = re.compile(r"[\s().\-/]")

SCHEMAS: Mapping[str, Mapping[str, Json]] = {
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "number": {"type": "number"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string", "format": "time"},
    "datetime": {"type": "string", "format": "date-time"},
    "duration": {"type": "string", "format": "duration"},
    "phone": {"type": "string", "format": "phone"},
    "email": {"type": "string", "format": "email"},
    "enum": {"type": "string"},
    "list": {"type": "array"},
    "object": {"type": "object"},
    "any": {},
}
NOTES = {"time": "HH:MM, 24 hours", "duration": 'as "4s" or "15m"'}
BOUNDS = {"text": ("minLength", "maxLength"), "list": ("minItems", "maxItems")}
NUMERIC_BOUNDS = ("minimum", "maximum")


def schema_of(shape: Shape) -> dict[str, Json]:
    """JSON Schema of a value, as the model sees it."""
    schema = dict(SCHEMAS[shape.type])
    describe = [part for part in (shape.describe, NOTES.get(shape.type, "")) if part]
    if describe:
        schema["description"] = ", ".join(describe)
    if shape.values:
        schema["enum"] = list(shape.values)
    if shape.of:
        schema["items"] = schema_of(shape.of)
    if shape.fields:
        schema["properties"] = {name: schema_of(field) for name, field in shape.fields.items()}
    if shape.pattern is not None:
        schema["pattern"] = f"^(?:{shape.pattern})$"
    bounds = zip(BOUNDS.get(shape.type, NUMERIC_BOUNDS), (shape.min, shape.max), strict=True)
    return schema | {key: bound for key, bound in bounds if bound is not None}


def acceptor(shape: Shape, message: str = "") -> Accept:
    """Accepts values of this shape; `message` is the author's word for one out of bounds."""
    read = _reader(shape)
    checks = [check for check in (_bounds(shape), _pattern(shape)) if check]

    def accept(value: Json, scope: Scope) -> Json:
        accepted = read(value, scope)
        for check in checks:
            if problem := check(accepted):
                raise Rejected(message or problem)
        return accepted

    return accept


def arguments_acceptor(
    params: Mapping[str, Param],
) -> Callable[[Mapping[str, Json]], dict[str, Json]]:
    """Accepts the arguments of a tool: all that are required, none that is not known."""
    accepts = {name: acceptor(param) for name, param in params.items()}
    required = [name for name, param in params.items() if not param.optional]

    def accept(arguments: Mapping[str, Json]) -> dict[str, Json]:
        given = {name: value for name, value in arguments.items() if value is not None}
        if unknown := given.keys() - accepts.keys():
            raise Rejected(f"there is no {', '.join(sorted(unknown))}")
        if missing := [name for name in required if name not in given]:
            raise Rejected(f"{', '.join(missing)} is missing")
        return accept_each(given, accepts, {})

    return accept


def accept_each(
    values: Mapping[str, Json], accepts: Mapping[str, Read], scope: Scope
) -> dict[str, Json]:
    """The values as they are accepted, or which of them is not."""
    accepted: dict[str, Json] = {}
    for name, value in values.items():
        try:
            accepted[name] = accepts[name](value, scope)
        except Rejected as problem:
            raise Rejected(f"{name} {problem}") from None
    return accepted


def literal(text: str, type_: Type) -> tuple[Json, str]:
    """The value of a text that an author wrote where this type is expected, or why it is none."""
    if type_.name == "enum":
        problem = "" if text in type_.values else f"is none of {', '.join(type_.values)}"
        return text, problem
    if type_.name == "text":
        return text, ""
    if type_.name not in READERS:
        return text, f"is a text, not {type_}"
    try:
        return READERS[type_.name](text, {}), ""
    except Rejected as problem:
        return None, str(problem)


def fits(given: Type, expected: Type) -> bool:
    """Whether a value of the one type can be one of the other. Texts are read when they come."""
    if {given.name, expected.name} & {"any", "null"}:
        return True
    if expected.name == "list" and given.name == "list":
        return fits(given.of or ANY, expected.of or ANY)
    if expected.name == "enum" and given.name == "enum":
        return set(given.values) <= set(expected.values)
    if given.name == expected.name or "text" in (expected.name, given.name):
        return given.name == expected.name or {given.name, expected.name} <= TEXTUAL
    return expected.name in ("number", "duration") and given.name in ("int", "number")


def normaliser(names: list[str]) -> Callable[[Json], Json]:
    """Applies an author's `normalise` list to texts."""
    changes = [NORMALISERS[name] for name in names]

    def normalise(value: Json) -> Json:
        if isinstance(value, str):
            for change in changes:
                value = change(value)
        return value

    return normalise


NORMALISERS: Mapping[str, Callable[[str], str]] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "compact": lambda text: "".join(text.split()),
    "digits": lambda text: re.sub(r"[^0-9]", "", text),
    "e164": lambda text: re.sub(r"^00", "+", PUNCTUATION.sub("", text)),
}


def _text(value: Json, _: Scope) -> Json:
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Rejected("must be text")
    text = value.strip()
    if not text:
        raise Rejected("must not be empty")
    if len(text) > MAX_TEXT:
        raise Rejected(f"must not be longer than {MAX_TEXT} characters")
    return text


def _number(value: Json, _: Scope) -> Json:
    if isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        value = float(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Rejected("must be a number")
    if math.isnan(value) or abs(value) > MAX_NUMBER:
        raise Rejected("is too large a number")
    return int(value) if float(value).is_integer() else value


def _int(value: Json, scope: Scope) -> Json:
    try:
        number = _number(value, scope)
    except Rejected:
        raise Rejected("must be a whole number") from None
    if not isinstance(number, int):
        raise Rejected("must be a whole number")
    return number


def _bool(value: Json, _: Scope) -> Json:
    if isinstance(value, str):
        value = {"true": True, "false": False}.get(value.strip().lower())
    if not isinstance(value, bool):
        raise Rejected("must be true or false")
    return value


def _string(value: Json, expected: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise Rejected(f"must be {expected}")
    return value.strip()


def _date(value: Json, _: Scope) -> Json:
    expected = "a real date, as 2026-11-24"
    try:
        return date.fromisoformat(_string(value, expected)).isoformat()
    except ValueError:
        raise Rejected(f"must be {expected}") from None


def _time(value: Json, _: Scope) -> Json:
    expected = "a time of day, as 19:30"
    text = _string(value, expected)
    match = CLOCK.fullmatch(text)
    if not match or not (match[2] or match[3]):
        raise Rejected(f"must be {expected}")
    hour, minute, half = int(match[1]), int(match[2] or 0), match[3]
    if half and not 1 <= hour <= 12:
        raise Rejected(f"must be {expected}")
    if half:
        hour = hour % 12 + (12 if half in "pP" else 0)
    try:
        return time(hour, minute).isoformat("minutes")
    except ValueError:
        raise Rejected(f"must be {expected}") from None


def _datetime(value: Json, scope: Scope) -> Json:
    expected = "a date and time, as 2026-11-24T19:30"
    text = _string(value, expected)
    try:
        at = datetime.fromisoformat(text)
        now = scope.get("now")
        if at.tzinfo is None and isinstance(now, str):
            at = at.replace(tzinfo=datetime.fromisoformat(now).tzinfo)
    except ValueError:
        raise Rejected(f"must be {expected}") from None
    if len(text) <= len("2026-11-24"):
        raise Rejected(f"must be {expected}")
    return at.isoformat(timespec="minutes" if not at.second else "seconds")


def _duration(value: Json, _: Scope) -> Json:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return _number(value, {})
    seconds = parse_duration(_string(value, 'a duration, as "15m"'))
    if seconds is None:
        raise Rejected('must be a duration, as "15m"')
    return seconds


def _phone(value: Json, _: Scope) -> Json:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    number = NORMALISERS["e164"](_string(value, "a phone number"))
    if not PHONE.fullmatch(number):
        raise Rejected("must be a phone number")
    return number


def _email(value: Json, _: Scope) -> Json:
    text = _string(value, "an e-mail address")
    if not EMAIL.fullmatch(text):
        raise Rejected("must be an e-mail address")
    return text


def _any(value: Json, _: Scope) -> Json:
    if _size(value, MAX_DEPTH) > MAX_SIZE:
        raise Rejected("is too large")
    return value


def _size(value: Json, depth: int) -> int:
    """About the characters of its JSON; too many if it is nested too deep."""
    if depth == 0:
        return MAX_SIZE + 1
    if isinstance(value, str):
        return LEAST + len(value)
    parts = value.values() if is_object(value) else value if is_list(value) else ()
    total = LEAST
    for part in parts:
        total += _size(part, depth - 1)
        if total > MAX_SIZE:
            break
    return total


READERS: Mapping[str, Read] = {
    "text": _text,
    "int": _int,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "time": _time,
    "datetime": _datetime,
    "duration": _duration,
    "phone": _phone,
    "email": _email,
    "any": _any,
}


def _reader(shape: Shape) -> Read:
    if shape.type == "enum":
        return _enum(shape)
    if shape.type == "list":
        return _list(shape)
    return _object(shape) if shape.type == "object" else READERS[shape.type]


def _enum(shape: Shape) -> Read:
    values = {value.casefold(): value for value in shape.values}

    def read(value: Json, _: Scope) -> Json:
        text = value.strip().casefold() if isinstance(value, str) else ""
        if text not in values:
            raise Rejected(f"must be one of {', '.join(shape.values)}")
        return value.strip() if value.strip() in shape.values else values[text]

    return read


def _list(shape: Shape) -> Read:
    accept = acceptor(shape.of) if shape.of else READERS["any"]

    def read(value: Json, scope: Scope) -> Json:
        if not is_list(value):
            raise Rejected("must be a list")
        if len(value) > MAX_ITEMS:
            raise Rejected(f"must not have more than {MAX_ITEMS} items")
        return _any([accept(item, scope) for item in value], scope)

    return read


def _object(shape: Shape) -> Read:
    accepts = {name: acceptor(field) for name, field in shape.fields.items()}

    def read(value: Json, scope: Scope) -> Json:
        if not is_object(value):
            raise Rejected("must be an object")
        if not accepts:
            return _any(value, scope)
        if unknown := value.keys() - accepts.keys():
            raise Rejected(f"has no {', '.join(sorted(unknown))}")
        return _any({name: accepts[name](item, scope) for name, item in value.items()}, scope)

    return read


def _bounds(shape: Shape) -> Callable[[Json], str] | None:
    least, most = shape.min, shape.max
    if least is None and most is None:
        return None
    unit = {"text": " characters long", "list": " items long"}.get(shape.type, "")

    def check(value: Json) -> str:
        size = len(value) if unit else value
        if least is not None and size < least:
            return f"must be at least {least}{unit}"
        return f"must be at most {most}{unit}" if most is not None and size > most else ""

    return check


def _pattern(shape: Shape) -> Callable[[Json], str] | None:
    matches = compile_pattern(shape.pattern) if shape.pattern is not None else None
    if matches is None or isinstance(matches, str):
        return None
    return lambda value: "" if matches(value, whole=True) else "does not have the right form"
