"""What a file of handlers needs: `@handler` and `Context`. Imports nothing heavy.

The decorator only marks. Hints are read and queues are formed when a worker loads the
file, so that a handler remains the plain function that it was, to call and to test.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeVar, overload

__all__ = ["DEFAULT_QUEUE", "Context", "Mark", "handler", "mark_of"]

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_QUEUE = "default"
_MARK = "__orchestrator_handler__"


@dataclass(frozen=True, slots=True)
class Context:
    """The call that a handler runs for, injected as a first parameter annotated `Context`.

    `key` is the idempotency key, the same for every attempt: commit it together with the
    effect and return what was recorded when it comes again. `deadline` is in seconds since
    the epoch; `attempt` counts from 1.
    """

    key: str
    session: str = ""
    call: str = ""
    attempt: int = 1
    deadline: float = float("inf")
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]" = field(
        default=logging.getLogger("orchestrator.tool"), repr=False, compare=False
    )


class Mark(NamedTuple):
    """What the decorator was told. Without a name, the function's own is used."""

    name: str | None
    queue: str


@overload
def handler(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def handler(
    name: str | None = None, /, *, queue: str = DEFAULT_QUEUE
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def handler(target: Any = None, /, *, queue: str = DEFAULT_QUEUE) -> Any:
    """Declare a function, sync or async, as the handler of a tool.

    Use it bare, `@handler`, or as `@handler("name", queue="booking")`. Arguments are
    validated from the type hints; sync functions run in threads.
    """
    if callable(target):
        return _marked(target, mark=Mark(None, queue))
    return partial(_marked, mark=Mark(target, queue))


def _marked(function: Any, *, mark: Mark) -> Any:
    setattr(function, _MARK, mark)
    return function


def mark_of(value: object) -> Mark | None:
    """What `@handler` was told about this object, or None."""
    return getattr(value, _MARK, None) if callable(value) else None
