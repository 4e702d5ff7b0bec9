"""What a file of handlers needs: `@handler`, `@lifespan` and `Context`. Imports nothing heavy.

The decorators only mark. Hints are read and queues are formed when a worker loads the
file, so that a handler remains the plain function that it was, to call and to test.
"""

import inspect
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar, overload

__all__ = [
    "DEFAULT_QUEUE",
    "Context",
    "Mark",
    "Report",
    "handler",
    "is_lifespan",
    "lifespan",
    "mark_of",
]

P = ParamSpec("P")
R = TypeVar("R")

DEFAULT_QUEUE = "default"
_MARK = "__orchestrator_handler__"
_LIFESPAN = "__orchestrator_lifespan__"

Report: TypeAlias = str | Mapping[str, Any]
"""How far a handler is: words for the caller, or data for programs."""


def _to_nobody(report: Report) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Context:
    """The call that a handler runs for, injected as a first parameter annotated `Context`.

    `key` is the idempotency key, the same for every attempt: commit it together with the
    effect and return what was recorded when it comes again. `deadline` is when this attempt
    is given up, in seconds since the epoch; `attempt` counts from 1. `told` is for tests:
    what a context that `for_test` made was given to report.
    """

    key: str
    session: str = ""
    call: str = ""
    attempt: int = 1
    deadline: float = float("inf")
    log: "logging.Logger | logging.LoggerAdapter[logging.Logger]" = field(
        default=logging.getLogger("orchestrator.tool"), repr=False, compare=False
    )
    tell: Callable[[Report], None] = field(default=_to_nobody, repr=False, compare=False)
    told: list[Report] = field(default_factory=list[Report], repr=False, compare=False)

    def remaining(self) -> float:
        """Seconds until this attempt is given up, never less than 0."""
        return max(0.0, self.deadline - time.time())

    def progress(self, report: Report) -> None:
        """Say how far it is: a text for the caller (a filler may say it), or a mapping for
        programs. Never waits, from a thread neither; of several at once the newest arrives.
        """
        self.tell(report)

    @classmethod
    def for_test(
        cls,
        key: str = "test",
        *,
        session: str = "session",
        call: str = "session.call.1",
        attempt: int = 1,
        remaining: float = 10.0,
    ) -> "Context":
        """A context to call a handler with; what it reports is kept in `told`."""
        told: list[Report] = []
        until = time.time() + remaining
        return cls(key, session, call, attempt, until, tell=told.append, told=told)


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


@overload
def lifespan(
    function: Callable[[], AsyncIterator[R]], /
) -> Callable[[], AbstractAsyncContextManager[R]]: ...
@overload
def lifespan(function: Callable[[], Iterator[R]], /) -> Callable[[], AbstractContextManager[R]]: ...


def lifespan(function: Any, /) -> Any:
    """Declare what a worker opens once, before its first call, and closes after its last.

    The function yields once: what it yields is given to every handler with a parameter
    annotated with that type. The decorated function is a context manager, for tests too.
    """
    manage = asynccontextmanager if inspect.isasyncgenfunction(function) else contextmanager
    made = manage(function)
    setattr(made, _LIFESPAN, True)
    return made


def is_lifespan(value: object) -> bool:
    return callable(value) and getattr(value, _LIFESPAN, False)
