"""Every act that settles a call tells its asker, there and then."""

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


@asynccontextmanager
async def listening(calls: StreamCalls, link: Link) -> AsyncGenerator[list[str]]:
    told = list[str]()

    async def listen() -> None:
        async for call_id, _ in calls.settled():
            told.append(call_id)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen)
        await subscribed(link, keys.replies("asker"))
        with anyio.fail_after(30):
            yield told
        tasks.cancel_scope.cancel()


async def settle_another(link: Link, calls: StreamCalls, told: list[str]) -> None:
    """What was said before this is heard before it."""
    await calls.publish(other(99, queue="another"))
    await OpenCalls(link, "another").settle(other(99, queue="another"), DONE)
    while other(99).id not in told:
        await link.ask(("PING",))


async def test_a_call_that_is_withdrawn_is_not_told_as_settled_too(link: Link) -> None:
    calls = StreamCalls(link, "asker")
    async with listening(calls, link) as told:
        for number in range(20):
            await calls.publish(other(number))
        async with anyio.create_task_group() as tasks:  # so that they travel together
            for number in range(20):
                tasks.start_soon(calls.withdraw, other(number), "cancel")
        await settle_another(link, calls, told)
    assert told == [other(99).id]
