"""Every act that settles a call tells its asker, there and then; what is not heard is read."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Message, Outcome, Rate
from orchestrator.dispatch.claims import StreamClaims
from orchestrator.dispatch.streams import OpenCalls, StreamCalls
from orchestrator.link import Link
from tests.dispatch.samples import CALL, other
from tests.dispatch.test_streams import answers, one
from tests.redis_server import subscribed

DONE = Outcome("worker", result="done")
UNKNOWN = Outcome.withdrawn("dead")


class Said:
    """Settles CALL in some way, beside what is heard on its asker's channel."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.calls = StreamCalls(link, CALL.reply_to)
        self.claims = StreamClaims(link, CALL.queue, "w1", lease=0, tries=1)
        self._line = link.line()

    async def listen(self) -> None:
        assert await self._line.hear(keys.replies(CALL.reply_to), 0) is None

    async def heard(self) -> list[Message]:
        return [Message.from_json(text) for text in await self._line.hear("", 30) or ()]

    async def taken(self, call: Call = CALL) -> None:
        await self.calls.publish(call)
        await self.claims.claim(1, 1)

    async def settled(self) -> None:
        await self.calls.publish(CALL)
        [claimed] = await self.claims.claim(1, 1)
        await self.claims.settle(claimed, DONE)

    async def withdrawn(self) -> None:
        await self.calls.publish(CALL)
        await self.calls.withdraw(CALL, "deadline")

    async def settled_by_a_person(self) -> None:
        await self.calls.publish(CALL)
        await OpenCalls(self.link, CALL.queue).settle(CALL, DONE)

    async def given_up(self) -> None:
        await self.taken()
        await self.claims.sweep()

    async def buried(self) -> None:
        await self.taken(replace(CALL, rerun=True))
        await self.claims.sweep()

    async def refused(self) -> None:
        rate = Rate(1, 100_000.0)
        await self.calls.publish(other(9, rate=rate, reply_to=""))
        await self.calls.publish(replace(CALL, rate=rate))
        await self.claims.claim(2, 1)

    async def known(self) -> None:
        await self._done_before(CALL)
        await self.calls.publish(CALL)

    async def conflicting(self) -> None:
        await self._done_before(replace(CALL, arguments={}))
        await self.calls.publish(CALL)

    async def _done_before(self, call: Call) -> None:
        await self.calls.publish(replace(call, id="earlier", reply_to=""))
        [claimed] = await self.claims.claim(1, 1)
        await self.claims.settle(claimed, DONE)

    async def busy(self) -> None:
        await self.calls.publish(other(9))
        await self.calls.publish(replace(CALL, backlog=1))


@pytest.mark.parametrize(
    ("act", "outcome"),
    [
        (Said.settled, DONE),
        (Said.withdrawn, Outcome.withdrawn("deadline")),
        (Said.settled_by_a_person, DONE),
        (Said.given_up, UNKNOWN),
        (Said.buried, Outcome.given_up(1)),
        (Said.refused, Outcome.rate_limited()),
        (Said.known, DONE),
        (Said.conflicting, Outcome.conflict(CALL.tool)),
        (Said.busy, Outcome.busy()),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
async def test_who_settles_a_call_tells_its_asker(
    link: Link, act: Callable[[Said], Awaitable[None]], outcome: Outcome
) -> None:
    said = Said(link)
    await said.listen()
    await act(said)
    with anyio.fail_after(30):
        assert await said.heard() == [Message(CALL.id, outcome)]


async def test_who_asks_again_is_told_again(link: Link) -> None:
    said = Said(link)
    await said.settled()
    await said.listen()
    await said.calls.publish(CALL)
    with anyio.fail_after(30):
        assert await said.heard() == [Message(CALL.id, DONE)]


async def test_who_asks_for_a_stop_has_the_outcome_from_the_act_alone(link: Link) -> None:
    said = Said(link)
    await said.listen()
    await said.calls.publish(CALL)
    assert await said.calls.ask_to_stop(CALL) == Outcome.withdrawn("cancel")
    await said.calls.publish(other(2, backlog=0))
    await said.calls.withdraw(other(2), "cancel")
    with anyio.fail_after(30):
        assert [each.call for each in await said.heard()] == [other(2).id]


class Heard:
    """What an asker is told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Outcome]] = []
        self._more = anyio.Event()

    async def hear(self, calls: StreamCalls) -> None:
        async for answer in calls.settled():
            self.told.append(answer)
            self._more.set()

    async def until(self, call: Call) -> None:
        while (call.id, DONE) not in self.told:
            self._more = anyio.Event()
            await self._more.wait()


@asynccontextmanager
async def listening(link: Link, calls: StreamCalls) -> AsyncGenerator[Heard]:
    heard = Heard()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(heard.hear, calls)
        with anyio.fail_after(30):
            await subscribed(link, keys.replies("asker"))
            yield heard
        tasks.cancel_scope.cancel()


async def settle_another(link: Link, calls: StreamCalls, heard: Heard) -> None:
    """What was said before this is heard before it."""
    another = other(99, queue="another")
    await calls.publish(another)
    await OpenCalls(link, "another").settle(another, DONE)
    await heard.until(another)


async def test_a_call_that_is_withdrawn_is_not_told_as_settled_too(link: Link) -> None:
    calls = StreamCalls(link, "asker")
    async with listening(link, calls) as heard:
        for number in range(20):
            await calls.publish(other(number))
        async with anyio.create_task_group() as tasks:  # so that they travel together
            for number in range(20):
                tasks.start_soon(calls.withdraw, other(number), "cancel")
        await settle_another(link, calls, heard)
    assert heard.told == [(other(99).id, DONE)]


async def test_an_answer_that_was_said_while_nobody_listened_is_read(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=60), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    assert await answers(calls, 1) == {CALL.id: DONE}


async def test_an_answer_that_was_said_while_a_connection_was_cut_is_read(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=60), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    claimed = await one(claims)
    async with listening(link, calls) as heard:
        [cut, settled] = await asyncio.gather(
            link.ask(("CLIENT", "KILL", "TYPE", "pubsub")), claims.settle(claimed, DONE)
        )
        assert (cut, settled) == ([1], "settled")
        await heard.until(CALL)
    assert heard.told == [(CALL.id, DONE)]


async def test_an_answer_that_never_arrives_is_read_in_time(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=0.01), StreamClaims(link, CALL.queue, "w1")
    nobody = replace(CALL, reply_to="")
    await calls.publish(nobody)
    claimed = await one(claims)
    async with listening(link, calls) as heard:
        await claims.settle(claimed, DONE)
        await heard.until(CALL)
    assert heard.told == [(CALL.id, DONE)]


@pytest.mark.parametrize(
    "told", ["not JSON", "[]", "{}", '{"call": 1}', '{"call": "s.c1.1", "outcome": {"error": 1}}']
)
async def test_a_reply_that_cannot_be_read_is_passed_over(link: Link, told: str) -> None:
    calls, claims = StreamCalls(link, "asker"), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    async with listening(link, calls) as heard:
        await link.ask(("PUBLISH", keys.replies("asker"), told))
        await claims.settle(await one(claims), DONE)
        await heard.until(CALL)
    assert heard.told == [(CALL.id, DONE)]


async def test_answers_that_redis_lets_nobody_hear_are_read_from_the_records(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=0.01), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    await claims.settle(await one(claims), DONE)
    await link.ask(("ACL", "SETUSER", "default", "resetchannels"))
    try:
        assert await answers(calls, 1) == {CALL.id: DONE}
    finally:
        await link.ask(("ACL", "SETUSER", "default", "allchannels"))


async def test_who_may_not_tell_an_asker_settles_all_the_same(link: Link) -> None:
    calls, claims = StreamCalls(link, "asker", relook=0.01), StreamClaims(link, CALL.queue, "w1")
    await calls.publish(CALL)
    claimed = await one(claims)
    await link.ask(("ACL", "SETUSER", "default", "resetchannels"))
    try:
        assert await claims.settle(claimed, DONE) == "settled"
    finally:
        await link.ask(("ACL", "SETUSER", "default", "allchannels"))
    assert await answers(calls, 1) == {CALL.id: DONE}
