"""What may stand for a personal value: other values of the same type. Pure.

| type                  | stands as                                                      |
|-----------------------|----------------------------------------------------------------|
| phone                 | `+15550100000`, counting                                       |
| email                 | `caller0@example.com`, counting                                |
| date, datetime        | days, minutes from 2000-01-01 on, else from 2100-01-01 on      |
| time, duration        | minutes, seconds from zero on                                  |
| int, number           | counting from the least that is allowed, else below the most   |
| enum, bool            | the next of the values that there are                          |
| text                  | other letters and digits in the same places; else other digits |
| list, object          | each of its parts                                              |
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import cast

from orchestrator.dispatch.call import Json

__all__ = ["placeholders"]

TRIES = 50


def placeholders(schema: Mapping[str, Json], value: Json, start: int) -> Iterator[Json]:
    """Values to try in the place of `value`, whose JSON Schema this is; each `start` its own."""
    return chain.from_iterable(_nth(schema, value, n) for n in range(start, start + TRIES))


def _nth(schema: Mapping[str, Json], value: Json, n: int) -> Iterator[Json]:
    kind = schema.get("format") or schema.get("type")
    if choices := schema.get("enum"):
        yield choices[n % len(choices)]
    elif kind in _COUNTED:
        yield from _COUNTED[str(kind)](n)
    elif kind in ("integer", "number") or _is_number(value):
        least, most = schema.get("minimum"), schema.get("maximum")
        yield n if least is None else least + n
        if most is not None:
            yield most - n
    elif isinstance(value, bool):
        yield bool(n % 2)
    elif isinstance(value, list):
        parts = cast("Sequence[Json]", value)
        yield [next(_nth(schema.get("items", {}), part, n + i)) for i, part in enumerate(parts)]
    elif isinstance(value, dict):
        fields, known = cast("Mapping[str, Json]", value), schema.get("properties", {})
        yield {key: next(_nth(known.get(key, {}), part, n)) for key, part in fields.items()}
    else:
        text = value if isinstance(value, str) else json.dumps(value)
        yield _reshaped(text, n, letters=True)
        yield _reshaped(text, n, letters=False)


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _reshaped(text: str, n: int, *, letters: bool) -> str:
    """The text with `n` written into its places for digits and letters, from the right."""
    shaped: list[str] = []
    for char in reversed(text):
        if char.isdecimal():
            n, digit = divmod(n, 10)
            shaped.append(str(digit))
        elif char.isalpha() and letters:
            n, letter = divmod(n, 26)
            shaped.append(chr(ord("A" if char.isupper() else "a") + letter))
        else:
            shaped.append(char)
    return "".join(reversed(shaped))


def _phone(n: int) -> Iterator[Json]:
    yield f"+1555010{n:04}"


def _email(n: int) -> Iterator[Json]:
    yield f"caller{n}@example.com"


def _date(n: int) -> Iterator[Json]:
    for year in (2000, 2100):
        yield (date(year, 1, 1) + timedelta(days=n)).isoformat()


def _datetime(n: int) -> Iterator[Json]:
    for year in (2000, 2100):
        yield (datetime(year, 1, 1) + timedelta(minutes=n)).isoformat(timespec="minutes")


def _time(n: int) -> Iterator[Json]:
    yield time(n // 60 % 24, n % 60).isoformat("minutes")


def _duration(n: int) -> Iterator[Json]:
    yield n


_COUNTED = {
    "phone": _phone,
    "email": _email,
    "date": _date,
    "date-time": _datetime,
    "time": _time,
    "duration": _duration,
}
