"""What expressions compute with: total functions over JSON values. Pure.

Each takes whatever it is given and answers null (or false) for what makes no sense.
"""

import json
import math
from datetime import date, datetime
from typing import TypeGuard

from orchestrator.dispatch.call import Json

__all__ = [
    "MAX_TEXT",
    "add",
    "alike",
    "as_json",
    "as_text",
    "contains",
    "day",
    "divide",
    "equal",
    "field",
    "have_an_order",
    "is_list",
    "is_object",
    "item",
    "may_contain",
    "modulo",
    "moment",
    "multiply",
    "ordered",
    "subtract",
]

MAX_TEXT = 10_000
MAX_NUMBER = 2**53

_encoded = json.JSONEncoder(ensure_ascii=False).encode  # `json.dumps` would make one each time


def as_json(value: Json) -> str:
    """As `json.dumps` writes it, but with letters as they are. An integer goes without the
    encoder, whose start takes longer than writing one."""
    return str(value) if type(value) is int else _encoded(value)


def is_list(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def _numbers(a: Json, b: Json) -> bool:
    return _is_number(a) and _is_number(b)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bounded(number: float) -> float | None:
    return number if abs(number) <= MAX_NUMBER and not math.isnan(number) else None


def add(a: Json, b: Json) -> Json:
    if isinstance(a, str) and isinstance(b, str):
        return a + b if len(a) + len(b) <= MAX_TEXT else None
    return _bounded(a + b) if _safe(a, b) else None


def subtract(a: Json, b: Json) -> Json:
    return _bounded(a - b) if _safe(a, b) else None


def multiply(a: Json, b: Json) -> Json:
    return _bounded(a * b) if _safe(a, b) else None


def divide(a: Json, b: Json) -> Json:
    return _bounded(a / b) if _safe(a, b) and b else None


def modulo(a: Json, b: Json) -> Json:
    return _bounded(a % b) if _safe(a, b) and b else None


def _safe(a: Json, b: Json) -> bool:
    """Both are numbers that no operation can make overflow."""
    return _numbers(a, b) and _bounded(a) is not None and _bounded(b) is not None


def equal(a: Json, b: Json) -> bool:
    if isinstance(a, bool) != isinstance(b, bool):
        return False  # to Python, true is 1
    try:
        return bool(a == b)
    except RecursionError:
        return False


def ordered(a: Json, b: Json, *signs: int) -> bool:
    """Whether a compares to b in one of these ways (-1 less, 0 equal, 1 greater)."""
    if not (_numbers(a, b) or (isinstance(a, str) and isinstance(b, str))):
        return False
    return (a > b) - (a < b) in signs and a == a and b == b


def contains(member: Json, container: Json) -> bool:
    if isinstance(container, str):
        return isinstance(member, str) and member in container
    return is_list(container) and any(equal(member, item) for item in container)


def alike(a: Json, b: Json) -> bool:
    """Whether both are there and of one kind, so that it means something to compare them."""
    if _numbers(a, b):
        return bool(a == a and b == b)  # NaN is not; `isnan` cannot take any integer
    return a is not None and type(a) is type(b)


def have_an_order(a: Json, b: Json) -> bool:
    return alike(a, b) and (_numbers(a, b) or isinstance(a, str))


def may_contain(member: Json, container: Json) -> bool:
    """Whether `member` can be looked for there: text in text, or a list of its kind."""
    if isinstance(container, str):
        return isinstance(member, str)
    return is_list(container) and all(alike(member, item) for item in container)


def field(value: Json, name: str) -> Json:
    return value.get(name) if is_object(value) else None


def item(value: Json, index: int) -> Json:
    return value[index] if is_list(value) and 0 <= index < len(value) else None


def moment(value: Json, now: Json) -> float | None:
    """Seconds since the epoch of a datetime's text; one without an offset has that of `now`."""
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            at = at.replace(tzinfo=datetime.fromisoformat(now).tzinfo)
        return at.timestamp() if at.tzinfo else None
    except (TypeError, ValueError, OverflowError):
        return None


def day(value: Json) -> date | None:
    """The day of a date's or datetime's text."""
    try:
        return date.fromisoformat(value[:10])
    except (TypeError, ValueError, KeyError):
        return None


def as_text(value: Json) -> str:
    """The value as it stands in a text; null reads `(unknown)`."""
    if value is None:
        return "(unknown)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if is_list(value):
        return ", ".join(as_text(item) for item in value)
    return str(value)
