"""Checks Realtime events against the types of the `openai` package.

    python validate_events.py client|server < events.jsonl

Runs in an environment of its own, which holds that package and need not hold ours.
Prints each problem with the number of its line; exits with 1 if there was any.
Fields that the package does not know count for client events only: the service refuses
them there, and may add them to its own events at any time.
"""
# pyright: basic, reportMissingImports=false

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, get_args

from openai.types.realtime.realtime_client_event import RealtimeClientEvent
from openai.types.realtime.realtime_server_event import RealtimeServerEvent
from pydantic import BaseModel, ValidationError

UNIONS: dict[str, Any] = {"client": RealtimeClientEvent, "server": RealtimeServerEvent}


def problems(direction: str, lines: Iterable[str]) -> Iterator[str]:
    union, *_ = get_args(UNIONS[direction])
    models = {
        get_args(model.model_fields["type"].annotation)[0]: model for model in get_args(union)
    }
    for number, line in enumerate(lines, start=1):
        event = json.loads(line)
        name = event.get("type")
        for problem in _problems(event, models.get(name), direction):
            yield f"line {number}: {name}: {problem}"


def _problems(event: Any, model: Any, direction: str) -> Iterator[str]:
    if model is None:
        yield "no event has this name"
        return
    try:
        parsed = model.model_validate(event)
    except ValidationError as error:
        yield from (f"{_path(one['loc'])}: {one['msg']}" for one in error.errors())
        return
    if direction == "client":
        yield from (f"{path}: unknown field" for path in _unknown(parsed))


def _unknown(value: Any, *path: Any) -> Iterator[str]:
    if isinstance(value, BaseModel):
        yield from (_path((*path, name)) for name in value.model_extra or {})
        for name in type(value).model_fields:
            yield from _unknown(getattr(value, name), *path, name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unknown(item, *path, index)


def _path(parts: Iterable[Any]) -> str:
    return ".".join(map(str, parts))


def main() -> int:
    found = list(problems(sys.argv[1], sys.stdin))
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
