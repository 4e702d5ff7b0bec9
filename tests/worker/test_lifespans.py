"""What handlers share: opened once, given by type, closed in the end."""

from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

import anyio
import pytest

from orchestrator import Context, handler, lifespan
from orchestrator.dispatch.call import Outcome
from orchestrator.errors import ServiceError, UsageError
from orchestrator.worker.handlers import Handlers
from tests.worker.test_handlers import call


class Desk:
    def __init__(self) -> None:
        self.open = True


class Till(Desk):
    pass


@lifespan
async def desk() -> AsyncIterator[Desk]:
    opened = Desk()
    yield opened
    opened.open = False


@lifespan
def till() -> Iterator[Till]:
    opened = Till()
    yield opened
    opened.open = False


@handler
async def look(ctx: Context, number: int, desk: Desk) -> list[Any]:
    return [ctx.call, number, desk.open]


def served(*functions: Any) -> Handlers:
    module = ModuleType("module")
    vars(module).update({f"f{index}": each for index, each in enumerate(functions)})
    return Handlers.of(module)


def problems(*functions: Any) -> list[str]:
    with pytest.raises(UsageError) as wrong:
        served(*functions)
    return str(wrong.value).splitlines()


async def test_a_handler_is_given_what_the_lifespan_of_that_type_yields() -> None:
    handlers = served(desk, till, look)
    async with handlers.opened():
        assert await handlers.run(call("look", {"number": 3})) == Outcome(
            "worker", ["s.c.2", 3, True]
        )


async def test_a_sync_handler_is_given_it_in_its_thread() -> None:
    seen: list[Till] = []

    @handler
    def keep(till: Till) -> bool:
        seen.append(till)
        return till.open

    handlers = served(till, keep)
    async with handlers.opened():
        await handlers.run(call("keep"))
        outcome = await handlers.run(call("keep"))
    assert outcome == Outcome("worker", True)
    assert seen[0] is seen[1] and not seen[0].open


def test_what_is_given_is_no_argument() -> None:
    [only] = served(desk, look).all
    assert list(only.schema["properties"]) == ["number"]


async def test_they_close_in_the_opposite_order() -> None:
    order: list[str] = []

    @lifespan
    def first() -> Iterator[None]:
        order.append("first opens")
        yield
        order.append("first closes")

    @lifespan
    async def second() -> AsyncIterator[None]:
        order.append("second opens")
        yield
        order.append("second closes")

    async with served(first, second, look, desk).opened():
        order.append("serving")
    assert order == [
        "first opens",
        "second opens",
        "serving",
        "second closes",
        "first closes",
    ]


async def test_what_fails_to_open_or_to_close_is_told_with_its_place() -> None:
    @lifespan
    def broken() -> Iterator[None]:
        raise ConnectionError("no database at 10.0.0.7")
        yield

    @lifespan
    def leaky() -> Iterator[None]:
        yield
        raise OSError("disk full")

    for function, why in ((broken, "ConnectionError: no database"), (leaky, "OSError: disk full")):
        with pytest.raises(UsageError, match=why) as wrong:
            async with served(function, look, desk).opened():
                await anyio.lowlevel.checkpoint()
        assert str(wrong.value).startswith(f"{__file__}:")
        assert f"lifespan {function.__name__}: " in str(wrong.value)


async def test_what_the_serving_raises_is_not_the_authors_fault() -> None:
    with pytest.raises(ServiceError, match="away"):
        async with served(desk, look).opened():
            raise ServiceError("away")


async def test_a_lifespan_can_be_opened_by_a_test() -> None:
    async with desk() as opened:
        assert await look(Context.for_test(call="c"), 1, opened) == ["c", 1, True]
    with till() as counter:
        assert counter.open


def test_what_is_no_lifespan_is_refused_with_its_place() -> None:
    @lifespan  # type: ignore[arg-type]
    def silent() -> Iterator[None]:  # type: ignore[return]  # pyright: ignore[reportReturnType]
        ...

    @lifespan  # type: ignore[call-overload]
    def asks(name: str) -> Iterator[None]:
        yield

    @lifespan  # type: ignore[no-untyped-def]
    def bare():
        yield

    @lifespan
    def plain() -> Iterator[dict[str, int]]:
        yield {}

    @lifespan
    def unknown() -> "Iterator[Nowhere]":  # type: ignore[name-defined]  # noqa: F821
        yield

    told = problems(silent, asks, bare, plain, unknown)
    assert all(line.startswith(f"{__file__}:") for line in told)
    assert [line.partition(": lifespan ")[2] for line in told] == [
        "silent: it has to yield",
        "asks: it can have no parameters",
        "bare: it needs the hint -> AsyncIterator[…] or Iterator[…]",
        "plain: it yields dict, which is for arguments; yield a class of your own",
        "unknown: name 'Nowhere' is not defined in the hints",
    ]


def test_two_lifespans_of_one_type_are_refused() -> None:
    @lifespan
    def other() -> Iterator[Desk]:
        yield Desk()

    assert "two lifespans yield Desk" in problems(desk, other)


def test_a_handler_that_wants_what_nothing_yields_is_refused() -> None:
    [problem] = problems(look)
    assert problem.endswith("handler look: desk: JSON has no Desk, and no lifespan here yields one")
