"""Calls to test with."""

import time
from dataclasses import replace

from orchestrator.dispatch.call import Call

NOW = time.time()

CALL = Call(
    id="s1.c1.1",
    queue="bookings",
    tool="book",
    arguments={"guests": 4, "name": "Zoë"},
    key="s1.c1",
    attempt=1,
    timeout=5.0,
    deadline=NOW + 3000.0,
    session="s1",
    reply_to="asker",
    created=NOW,
)


def other(number: int, **changes: object) -> Call:
    """A call of its own, number `number`."""
    values = {"id": f"s1.c{number}.1", "key": f"s1.c{number}"} | changes
    return replace(CALL, **values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
