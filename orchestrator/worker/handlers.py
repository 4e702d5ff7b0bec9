"""From type hints to running calls: the signature of each handler, read once.

    function ── hints ──> pydantic model ──> validated arguments ──> function ──> JSON

What a handler raises on purpose (`Refused`, `Retry`) and what its arguments lack are
outcomes; every other exception is the runtime's, which logs it.
"""

import inspect
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, TypeAlias, TypeVar, cast

import anyio
import anyio.to_thread
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from orchestrator.dispatch.call import Call, Json, Outcome, Progress
from orchestrator.errors import Refused, Retry, UsageError
from orchestrator.worker.declare import Context, Mark, Report, is_lifespan, mark_of
from orchestrator.worker.lifespans import Lifespan, opened, place
from orchestrator.worker.signature import Signature

__all__ = ["Handler", "Handlers", "Tell"]

T = TypeVar("T")
Tell: TypeAlias = Callable[[Call, Progress], None]
"""Takes what a handler reports of a call, in any thread, without waiting."""


class Handler:
    """One declared function: its name, its queue, and the schema of its parameters.

    `shared` are the types that lifespans give: a parameter of one of them is no argument.
    """

    def __init__(self, function: FunctionType, mark: Mark, shared: Sequence[Any] = ()) -> None:
        """Raises `UsageError`, with every problem of the signature."""
        self.name = mark.name or function.__name__
        self.queue = mark.queue
        self.threads: set[threading.Thread] = set()  # in which it runs, timed out or not
        self.log = logging.getLogger(f"orchestrator.tool.{self.name}")
        self._function = function
        self._is_async = inspect.iscoroutinefunction(function)
        self._signature = Signature(function, self.name, shared)

    @property
    def place(self) -> str:
        """Its file and line, for people."""
        return place(self._function)

    @property
    def schema(self) -> dict[str, Json]:
        """JSON Schema of the arguments."""
        return self._signature.arguments

    @property
    def returns(self) -> dict[str, Json] | None:
        """JSON Schema of the result, if its hint tells."""
        return self._signature.result

    @property
    def wants_context(self) -> bool:
        return self._signature.wants_context

    def validate(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments as the function's hints want them. Raises `ValidationError`."""
        return self._signature.validate(arguments)

    async def invoke(
        self,
        arguments: Mapping[str, Any],
        context: Context | None,
        shared: Sequence[Any] = (),
        limiter: anyio.CapacityLimiter | None = None,
    ) -> Json:
        """Run the function; its result as JSON. Raises what the function raises.

        `shared` holds a value for each of the types that the constructor was given. `context`
        is needed if it `wants_context`.
        """
        given = {name: shared[index] for name, index in self._signature.shared.items()}
        first = (context,) if self.wants_context else ()
        function = partial(self._function, *first, **arguments, **given)
        if self._is_async:
            return _as_json(await cast("Awaitable[Any]", function()))
        # A thread cannot be stopped: after a timeout it runs on, and nobody listens.
        result = await anyio.to_thread.run_sync(
            self._in_thread, function, abandon_on_cancel=True, limiter=limiter
        )
        return _as_json(result)

    def _in_thread(self, function: Callable[[], Any]) -> Any:
        thread = threading.current_thread()
        self.threads.add(thread)
        try:
            return function()
        finally:
            self.threads.discard(thread)


class Handlers:
    """The handlers of one worker, by queue and name. `run` is what a `Worker` needs, while
    `opened` is; what handlers report goes to `tell`.
    """

    def __init__(
        self,
        handlers: Iterable[Handler],
        lifespans: Sequence[Lifespan] = (),
        tell: Tell = lambda call, progress: None,
    ) -> None:
        """Raises `UsageError` when two handlers share a queue and a name."""
        self.tell = tell
        self._lifespans = lifespans
        self._shared: Sequence[Any] = ()
        # The slots of the workers are the limit of what runs at a time, also in threads:
        # anyio's own would let the calls of one queue wait for those of another.
        self._threads = anyio.CapacityLimiter(math.inf)
        self._handlers: dict[tuple[str, str], Handler] = {}
        for handler in handlers:
            other = self._handlers.setdefault((handler.queue, handler.name), handler)
            if other is not handler:
                which = f"{handler.name} on queue {handler.queue}"
                where = f"{other.place} and {handler.place}"
                raise UsageError(f"two handlers are named {which}: {where}")

    @classmethod
    def of(cls, *modules: ModuleType) -> "Handlers":
        """The functions marked with `@handler` and `@lifespan` in these modules, each once.

        Raises `UsageError` with every problem of their signatures.
        """
        functions = list(dict.fromkeys(_functions(modules)))
        problems: list[str] = []
        lifespans = _each(Lifespan, [(f,) for f in functions if is_lifespan(f)], problems)
        shared = [lifespan.gives for lifespan in lifespans]
        problems += [f"two lifespans yield {kind}" for kind in _twice(shared)]
        marked = [(f, mark, shared) for f in functions if (mark := mark_of(f))]
        handlers = _each(Handler, marked, problems)
        if problems:
            raise UsageError("\n".join(problems))
        return cls(handlers, lifespans)

    def only(self, queues: Collection[str]) -> "Handlers":
        """Those of these queues. Raises `UsageError` for a queue that nothing here serves."""
        if unknown := sorted(set(queues) - set(self.queues)):
            known = ", ".join(self.queues)
            raise UsageError(f"no handler here serves {', '.join(unknown)}; there is {known}")
        kept = [handler for handler in self.all if handler.queue in queues]
        return Handlers(kept, self._lifespans, self.tell)

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[None]:
        """Lifespans are open inside of the block. Raises `UsageError` for what they raise."""
        async with opened(self._lifespans) as self._shared:
            yield

    @property
    def all(self) -> Collection[Handler]:
        return self._handlers.values()

    @property
    def queues(self) -> dict[str, list[str]]:
        """Names of handlers by queue, both sorted."""
        queues: dict[str, list[str]] = defaultdict(list)
        for queue, name in sorted(self._handlers):
            queues[queue].append(name)
        return dict(queues)

    @property
    def in_threads(self) -> list[str]:
        """Names of the sync handlers that still run, timed-out ones included."""
        return sorted(handler.name for handler in self._handlers.values() if handler.threads)

    async def run(self, call: Call) -> Outcome:
        """The outcome of one call. Raises what a handler did not mean to raise."""
        handler = self._handlers.get((call.queue, call.tool))
        if handler is None:
            message = f"No handler is named {call.tool} on queue {call.queue}."
            return Outcome.failed("worker", "unknown_tool", message)
        try:
            arguments = handler.validate(call.arguments)
        except ValidationError as invalid:
            return Outcome.failed("worker", "invalid", _in_words(invalid))
        try:
            context = self._context(call, handler.log) if handler.wants_context else None
            result = await handler.invoke(arguments, context, self._shared, self._threads)
            return Outcome("worker", result)
        except Refused as refusal:
            return Outcome.failed("worker", "refused", str(refusal))
        except Retry as retry:
            return Outcome.failed("worker", "unavailable", str(retry), retry.after)

    def _context(self, call: Call, log: logging.Logger) -> Context:
        return Context(
            key=call.key,
            session=call.session,
            call=call.id,
            attempt=call.attempt,
            deadline=min(call.deadline, time.time() + call.timeout),
            log=logging.LoggerAdapter(log, {"call": call.id, "session": call.session}),
            tell=lambda report: self.tell(call, _progress(report)),
        )


def _progress(report: Report) -> Progress:
    return Progress(report) if isinstance(report, str) else Progress(data=_as_json(report))


def _functions(modules: Iterable[ModuleType]) -> Iterator[FunctionType]:
    for module in modules:
        yield from filter(inspect.isfunction, vars(module).values())


def _each(make: Callable[..., T], given: Iterable[Sequence[Any]], problems: list[str]) -> list[T]:
    """One of each; what is wrong with the others goes to `problems`."""
    made: list[T] = []
    for arguments in given:
        try:
            made.append(make(*arguments))
        except UsageError as problem:
            problems.append(str(problem))
    return made


def _twice(kinds: Sequence[Any]) -> Iterator[str]:
    for index, kind in enumerate(kinds):
        if kind is not None and kind in kinds[:index]:
            yield getattr(kind, "__name__", str(kind))


def _as_json(result: object) -> Json:
    return to_jsonable_python(result, inf_nan_mode="null")  # NaN is not JSON


def _in_words(invalid: ValidationError) -> str:
    """Every problem, without the values: those may be personal."""
    problems = invalid.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in problems)
