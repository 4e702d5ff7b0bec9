"""What the handlers of a process share: opened before the first call, closed after the last."""

import builtins
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from types import FunctionType
from typing import Any, get_args, get_origin

from orchestrator.errors import UsageError

__all__ = ["Lifespan", "opened", "place"]

_YIELDING = (AsyncIterator, AsyncGenerator, Iterator, Generator)


class Lifespan:
    """One function marked with `@lifespan`; `gives` is the type of what it yields, or None."""

    def __init__(self, function: Callable[[], Any]) -> None:
        """Raises `UsageError` for a function that is no lifespan."""
        own = inspect.unwrap(function)
        assert isinstance(own, FunctionType)
        self.name = f"{place(own)}: lifespan {own.__name__}"
        self.gives: Any = self._gives(own)
        self._function = function

    def _gives(self, own: FunctionType) -> Any:
        try:
            signature = inspect.signature(own, eval_str=True)
        except NameError as unknown:
            raise UsageError(f"{self.name}: {unknown} in the hints") from None
        hint = signature.return_annotation
        hints = get_args(hint) if get_origin(hint) in _YIELDING else ()
        if not (inspect.isasyncgenfunction(own) or inspect.isgeneratorfunction(own)):
            raise UsageError(f"{self.name}: it has to yield")
        if signature.parameters:
            raise UsageError(f"{self.name}: it can have no parameters")
        if not hints:
            raise UsageError(f"{self.name}: it needs the hint -> AsyncIterator[…] or Iterator[…]")
        if _is_plain(hints[0]):
            kind = _name(hints[0])
            problem = f"it yields {kind}, which is for arguments; yield a class of your own"
            raise UsageError(f"{self.name}: {problem}")
        return hints[0]

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Any]:
        """What it yields. Raises `UsageError` for what its code raises: only its author can
        mend that."""
        raised_within: BaseException | None = None
        try:
            async with self._manager() as value:
                try:
                    yield value
                except BaseException as problem:
                    raised_within = problem
                    raise
        except Exception as problem:
            if problem is raised_within:
                raise
            raise UsageError(f"{self.name}: {type(problem).__name__}: {problem}") from problem

    @asynccontextmanager
    async def _manager(self) -> AsyncGenerator[Any]:
        made: Any = self._function()
        if hasattr(made, "__aenter__"):
            async with made as value:
                yield value
        else:
            with made as value:
                yield value


@asynccontextmanager
async def opened(lifespans: Sequence[Lifespan]) -> AsyncGenerator[Sequence[Any]]:
    """What they yield, in their order; they are closed in the opposite one."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(each.open()) for each in lifespans]


def place(function: FunctionType) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno}"


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _is_plain(kind: Any) -> bool:
    """Whether a parameter of this type is an argument of the tool: JSON has such values."""
    kind = get_origin(kind) or kind
    return kind is not None and getattr(builtins, _name(kind), None) is kind
