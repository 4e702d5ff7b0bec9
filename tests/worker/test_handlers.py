import logging
import re
import threading
import time as clock
from dataclasses import dataclass, replace
from datetime import date, time
from enum import Enum
from types import ModuleType
from typing import Any, Literal

import anyio
import pytest
from pydantic import BaseModel, TypeAdapter

from orchestrator import Context, Refused, Retry, handler
from orchestrator.dispatch.call import Call, Json, Outcome, Progress
from orchestrator.errors import UsageError
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.lifespans import place


def handlers(*functions: Any) -> Handlers:
    module = ModuleType("module")
    vars(module).update({function.__name__: function for function in functions})
    return Handlers.of(module)


def call(tool: str, arguments: dict[str, Json] | None = None, queue: str = "default") -> Call:
    return Call(
        id="s.c.2",
        queue=queue,
        tool=tool,
        arguments=arguments or {},
        key="s.c",
        attempt=2,
        timeout=1.0,
        deadline=99.0,
        session="s",
        reply_to="p",
        created=0.0,
    )


async def run(function: Any, **arguments: Json) -> Outcome:
    return await handlers(function).run(call(function.__name__, arguments))


def error(outcome: Outcome) -> tuple[str, str]:
    assert outcome.error
    return outcome.error.code, outcome.error.message


class Seat(Enum):
    INDOOR = "indoor"
    TERRACE = "terrace"


class Guest(BaseModel):
    name: str
    born: date | None = None


@dataclass
class Booking:
    ref: str
    at: time


@handler
def book(day: date, at: time, seat: Seat, guest: Guest, size: int = 2) -> Booking:
    assert (day, seat, guest.name) == (date(2026, 11, 24), Seat.TERRACE, "Ana")
    return Booking(f"AB{size:02}", at)


BOOKING: dict[str, Json] = {
    "day": "2026-11-24",
    "at": "19:30",
    "seat": "terrace",
    "guest": {"name": "Ana"},
}


def test_a_handler_remains_the_function_that_it_was() -> None:
    booking = book(date(2026, 11, 24), time(19, 30), Seat.TERRACE, Guest(name="Ana"))
    assert booking == Booking("AB02", time(19, 30))


async def test_arguments_and_results_cross_as_json() -> None:
    outcome = await run(book, **BOOKING, size=4)
    assert outcome == Outcome("worker", {"ref": "AB04", "at": "19:30:00"})


async def test_every_wrong_argument_is_told_without_its_value() -> None:
    wrong: dict[str, Json] = BOOKING | {
        "day": "someday",
        "seat": "roof",
        "colour": "scarlet",
        "guest": {},
    }
    code, message = error(await run(book, **wrong))
    assert code == "invalid"
    assert [part.partition(":")[0] for part in message.split("; ")] == [
        "day",
        "seat",
        "guest.name",
        "colour",
    ]
    assert "someday" not in message and "scarlet" not in message


async def test_async_handlers_run_in_the_loop_and_sync_ones_in_threads() -> None:
    @handler
    async def here() -> bool:
        await anyio.lowlevel.checkpoint()
        return threading.current_thread() is threading.main_thread()

    @handler
    def there() -> bool:
        return threading.current_thread() is threading.main_thread()

    assert (await run(here)).result is True
    assert (await run(there)).result is False


async def test_a_context_is_injected_and_not_an_argument(caplog: pytest.LogCaptureFixture) -> None:
    @handler
    def show(ctx: Context, size: int) -> list[Any]:
        ctx.log.warning("size %d", size)
        return [ctx.session, ctx.call, ctx.attempt, ctx.deadline, ctx.key, size]

    assert (await run(show, size=3)).result == ["s", "s.c.2", 2, 99.0, "s.c", 3]
    assert error(await run(show, size=3, ctx={}))[0] == "invalid"
    assert caplog.record_tuples[0] == ("orchestrator.tool.show", logging.WARNING, "size 3")


async def test_a_refusal_is_told_in_its_own_words() -> None:
    @handler
    def refuse() -> None:
        raise Refused("We are closed on Mondays.")

    assert error(await run(refuse)) == ("refused", "We are closed on Mondays.")


async def test_a_retry_is_unavailable_with_its_pause() -> None:
    @handler
    async def later() -> None:
        raise Retry("busy", after=1.5)

    assert await run(later) == Outcome.failed("worker", "unavailable", "busy", 1.5)


async def test_a_validation_error_from_inside_a_handler_is_not_the_callers_fault() -> None:
    @handler
    def inside() -> int:
        return TypeAdapter(int).validate_python("x")

    with pytest.raises(ValueError, match="valid integer"):
        await run(inside)


async def test_an_unknown_tool_is_an_outcome() -> None:
    code, message = error(await handlers(book).run(call("cook", queue="kitchen")))
    assert (code, message) == ("unknown_tool", "No handler is named cook on queue kitchen.")


async def test_parameters_may_have_any_name() -> None:
    @handler
    def odd(schema: int, json: int, model_config: int, _private: int, self: int = 5) -> int:
        return schema + json + model_config + _private + self

    assert (await run(odd, schema=1, json=2, model_config=3, _private=4)).result == 15


async def test_numbers_that_json_lacks_are_null() -> None:
    @handler
    def nowhere() -> float:
        return float("nan")

    assert (await run(nowhere)).result is None


async def test_a_thread_outlives_its_timeout_and_is_known_until_it_ends() -> None:
    started, release, ended = threading.Event(), threading.Event(), threading.Event()

    @handler
    def slow() -> None:
        started.set()
        release.wait(10)
        ended.set()

    served = handlers(slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(served.run, call("slow"))
        await anyio.to_thread.run_sync(started.wait)
        tasks.cancel_scope.cancel()
    assert served.in_threads == ["slow"]
    release.set()
    assert await anyio.to_thread.run_sync(ended.wait, 10)


async def test_more_sync_handlers_run_at_once_than_one_queue_has_slots() -> None:
    """Ten slots on each of six queues; anyio's own limit would be forty threads."""
    everybody = threading.Barrier(60)

    @handler
    def meet() -> int:
        return everybody.wait(20)

    served = handlers(meet)
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(served.run, call("meet"))
    assert everybody.n_waiting == 0 and not everybody.broken


async def test_what_is_shielded_ends_before_a_cancelled_handler_does() -> None:
    started, committed = anyio.Event(), list[str]()

    @handler
    async def book() -> None:
        started.set()
        with anyio.CancelScope(shield=True):
            await anyio.wait_all_tasks_blocked()
            committed.append("booked")
        await anyio.sleep_forever()
        committed.append("never")

    served = handlers(book)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(served.run, call("book"))
        await started.wait()
        tasks.cancel_scope.cancel()
    assert committed == ["booked"]


async def test_a_handler_knows_when_its_attempt_is_given_up() -> None:
    @handler
    def show(ctx: Context) -> list[float]:
        return [ctx.deadline, ctx.remaining()]

    now = clock.time()
    asked = replace(call("show"), timeout=5.0, deadline=now + 60)
    deadline, remaining = (await handlers(show).run(asked)).result
    assert now + 5 <= deadline < now + 60
    assert 0 < remaining <= 5
    assert (await run(show)).result == [99.0, 0.0]


async def test_what_a_handler_reports_is_told_with_its_call() -> None:
    told: list[tuple[str, Progress]] = []

    @handler
    def look(ctx: Context) -> None:
        ctx.progress("Half of it.")
        ctx.progress({"on": date(2026, 11, 24)})

    served = handlers(look)

    def tell(call: Call, progress: Progress) -> None:
        told.append((call.id, progress))

    served.tell = tell
    await served.run(call("look"))
    data = {"on": "2026-11-24"}
    assert told == [("s.c.2", Progress("Half of it.")), ("s.c.2", Progress(data=data))]


def test_a_context_for_a_test_keeps_what_is_reported() -> None:
    ctx = Context.for_test("key-1", attempt=2, remaining=5)
    ctx.progress("Half of it.")
    ctx.progress({"done": 1})
    assert ctx.told == ["Half of it.", {"done": 1}]
    assert (ctx.key, ctx.attempt) == ("key-1", 2)
    assert 0 < ctx.remaining() <= 5


def test_names_and_queues_come_from_the_decorator() -> None:
    @handler("other.name", queue="booking")
    def one() -> None: ...

    @handler(queue="booking")
    async def two() -> None: ...

    assert handlers(one, two, book).queues == {
        "booking": ["other.name", "two"],
        "default": ["book"],
    }


def test_the_schema_of_the_arguments_comes_from_the_hints() -> None:
    @handler
    def tool(
        ctx: Context, seat: Literal["indoor", "terrace"], phone: str | None = None
    ) -> None: ...

    [served] = handlers(tool).all
    assert served.schema["properties"]["seat"]["enum"] == ["indoor", "terrace"]
    assert served.schema["required"] == ["seat"]
    assert served.schema["additionalProperties"] is False
    assert served.returns == {"type": "null"}


def test_the_schemas_show_what_is_in_models_and_dataclasses() -> None:
    @handler
    def seat(guest: Guest, made: Booking) -> Guest: ...

    [served] = handlers(seat).all
    assert set(served.schema["$defs"]) == {"Guest", "Booking"}
    assert served.schema["properties"]["made"] == {"$ref": "#/$defs/Booking"}
    assert served.schema["$defs"]["Booking"]["required"] == ["ref", "at"]
    assert served.returns and set(served.returns["properties"]) == {"name", "born"}


def test_a_result_without_a_hint_or_a_schema_has_none() -> None:
    @handler
    def silent(): ...  # type: ignore[no-untyped-def]

    @handler
    def odd() -> threading.Event: ...

    assert [each.returns for each in handlers(silent, odd).all] == [None, None]


async def test_a_dataclass_is_made_of_arguments_and_a_model_becomes_a_result() -> None:
    @handler
    def who(made: Booking) -> Guest:
        return Guest(name=f"{made.ref} {made.at:%H:%M}", born=date(2000, 1, 2))

    outcome = await run(who, made={"ref": "AB12", "at": "19:30"})
    assert outcome.result == {"name": "AB12 19:30", "born": "2000-01-02"}
    assert error(await run(who, made={"ref": "AB12"}))[1].startswith("made.at: ")


def test_a_function_imported_from_another_module_is_served_once() -> None:
    one, two = ModuleType("one"), ModuleType("two")
    vars(one)["book"] = vars(two)["book"] = book
    assert Handlers.of(one, two).queues == {"default": ["book"]}


def test_two_handlers_of_one_name_on_one_queue_are_refused_with_their_places() -> None:
    @handler("book")
    def again() -> None: ...

    first, second = place(book), place(again)
    told = re.escape(f"two handlers are named book on queue default: {first} and {second}")
    with pytest.raises(UsageError, match=told):
        handlers(book, again)


def test_every_problem_of_every_signature_is_told_with_its_place() -> None:
    @handler
    def first(a, *rest: int) -> None: ...  # type: ignore[no-untyped-def]

    @handler
    def second(a: int, ctx: Context) -> None: ...

    @handler
    def third(a: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    @handler
    def fourth(event: threading.Event) -> None: ...

    with pytest.raises(UsageError) as wrong:
        handlers(first, second, third, fourth)
    lines = str(wrong.value).splitlines()
    assert all(line.startswith(__file__) for line in lines)
    assert [line.partition(": handler ")[2] for line in lines] == [
        "first: a has no type hint; *rest: int cannot be given by name",
        "second: ctx: the Context comes first",
        "third: name 'Nowhere' is not defined in the hints",
        "fourth: event: JSON has no Event, and no lifespan here yields one",
    ]
