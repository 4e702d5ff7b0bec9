"""From type hints to running calls: the signature of each handler, read once.

    function ── hints ──> pydantic model ──> validated arguments ──> function ──> JSON

What a handler raises on purpose (`Refused`, `Retry`) and what its arguments lack are
outcomes; every other exception is the runtime's, which logs it.
"""

import inspect
import logging
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from functools import partial
from types import FunctionType, ModuleType
from typing import Annotated, Any, cast

import anyio.to_thread
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic_core import to_jsonable_python

from orchestrator.dispatch.call import Call, Json, Outcome
from orchestrator.errors import Refused, Retry, UsageError
from orchestrator.worker.declare import Context, Mark, mark_of

__all__ = ["Handler", "Handlers"]


class Handler:
    """One declared function: its name, its queue, and the schema of its parameters."""

    def __init__(self, function: FunctionType, mark: Mark) -> None:
        """Raises `UsageError`, with every problem of the signature."""
        self.name = mark.name or function.__name__
        self.queue = mark.queue
        self.threads: set[threading.Thread] = set()  # in which it runs, timed out or not
        self._function = function
        self._wants_context, self._parameters = _parameters(function)
        self._arguments = _model(self.name, self._parameters)

    @property
    def schema(self) -> dict[str, Json]:
        """JSON Schema of the arguments."""
        return self._arguments.model_json_schema()

    def validate(self, arguments: Mapping[str, Json]) -> dict[str, Any]:
        """The arguments as the function's hints want them. Raises `ValidationError`."""
        given = self._arguments.model_validate(arguments)
        return {name: getattr(given, _field(name)) for name in self._parameters}

    async def invoke(self, arguments: Mapping[str, Any], context: Context) -> Json:
        """Run the function; its result as JSON. Raises what the function raises."""
        function = partial(self._function, *[context] * self._wants_context, **arguments)
        if inspect.iscoroutinefunction(self._function):
            return _as_json(await cast("Awaitable[Any]", function()))
        # A thread cannot be stopped: after a timeout it runs on, and nobody listens.
        result = await anyio.to_thread.run_sync(self._in_thread, function, abandon_on_cancel=True)
        return _as_json(result)

    def _in_thread(self, function: Callable[[], Any]) -> Any:
        thread = threading.current_thread()
        self.threads.add(thread)
        try:
            return function()
        finally:
            self.threads.discard(thread)


class Handlers:
    """The handlers of one worker, by queue and name. `run` is what a `Worker` needs."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        """Raises `UsageError` when two handlers share a queue and a name."""
        self._handlers: dict[tuple[str, str], Handler] = {}
        for handler in handlers:
            if self._handlers.setdefault((handler.queue, handler.name), handler) is not handler:
                raise UsageError(f"two handlers are named {handler.name} on queue {handler.queue}")

    @classmethod
    def of(cls, *modules: ModuleType) -> "Handlers":
        """The functions marked with `@handler` in these modules, each once.

        Raises `UsageError` with every problem of their signatures.
        """
        marked = {
            value: mark
            for module in modules
            for value in vars(module).values()
            if inspect.isfunction(value) and (mark := mark_of(value))
        }
        handlers: list[Handler] = []
        problems: list[str] = []
        for function, mark in marked.items():
            try:
                handlers.append(Handler(function, mark))
            except UsageError as problem:
                problems.append(str(problem))
        if problems:
            raise UsageError("\n".join(problems))
        return cls(handlers)

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
            return Outcome("worker", await handler.invoke(arguments, _context(call)))
        except Refused as refusal:
            return Outcome.failed("worker", "refused", str(refusal))
        except Retry as retry:
            return Outcome.failed("worker", "unavailable", str(retry), retry.after)


def _as_json(result: object) -> Json:
    return to_jsonable_python(result, inf_nan_mode="null")  # NaN is not JSON


def _context(call: Call) -> Context:
    log = logging.getLogger(f"orchestrator.tool.{call.tool}")
    return Context(
        key=call.key,
        session=call.session,
        call=call.id,
        attempt=call.attempt,
        deadline=call.deadline,
        log=logging.LoggerAdapter(log, {"call": call.id, "session": call.session}),
    )


def _parameters(function: FunctionType) -> tuple[bool, dict[str, inspect.Parameter]]:
    """Whether the first parameter is a `Context`, and the others, annotations resolved."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except NameError as unknown:
        raise UsageError(f"{_place(function)}: {unknown} in the hints") from None
    parameters = dict(signature.parameters)
    first = next(iter(parameters), None)
    wants_context = first is not None and parameters[first].annotation is Context
    if wants_context and first is not None:
        del parameters[first]
    if problems := [problem for p in parameters.values() if (problem := _problem(p))]:
        raise UsageError(f"{_place(function)}: {'; '.join(problems)}")
    return wants_context, parameters


def _problem(parameter: inspect.Parameter) -> str | None:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        return f"{parameter} cannot be given by name"
    if parameter.annotation is parameter.empty:
        return f"{parameter.name} has no type hint"
    if parameter.annotation is Context:
        return f"{parameter.name}: the Context comes first"
    return None


def _model(name: str, parameters: Mapping[str, inspect.Parameter]) -> type[BaseModel]:
    """A pydantic model of the parameters.

    Its fields have names of their own, because a parameter may be called `schema`,
    `json` or anything else that a model has already.
    """
    fields: dict[str, Any] = {
        _field(name): (
            Annotated[p.annotation, Field(alias=name)],
            ... if p.default is p.empty else p.default,
        )
        for name, p in parameters.items()
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _field(parameter: str) -> str:
    return f"p_{parameter}"


def _place(function: FunctionType) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}: handler {function.__name__}"


def _in_words(invalid: ValidationError) -> str:
    """Every problem, without the values: those may be personal."""
    problems = invalid.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in problems)
