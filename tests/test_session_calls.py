"""The calls of a conversation: published, answered, withdrawn, with Redis and without."""

from collections.abc import AsyncIterator
from typing import ClassVar

import anyio
import pytest

from orchestrator.dispatch.call import Call, Outcome, Progress, Rate, Settler
from orchestrator.errors import ProviderRefused, QueueUnavailable, ServiceError
from orchestrator.flow.commands import Dispatch, Withdraw
from orchestrator.flow.events import CallProgressed
from orchestrator.memory import MemoryCalls, MemoryClaims
from tests.driven import Talk, work


class SlowCalls(MemoryCalls):
    """Every withdrawal takes a while."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        await anyio.wait_all_tasks_blocked()
        return await super().withdraw(call, by)


async def test_a_hang_up_withdraws_what_is_not_kept_before_the_session_is_over() -> None:
    talk = Talk(work("safe: true"), SlowCalls)

    async def hang_up() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()

    assert await talk.run_with(hang_up) == "hangup"
    [withdrawn] = talk.all(Withdraw)
    assert talk.outcome(f"{withdrawn.call}.1") == Outcome.withdrawn("cancel")


async def test_what_a_handler_reports_becomes_an_event_of_its_session() -> None:
    talk = Talk(work())
    done = Outcome("worker")

    async def serve() -> None:
        claims = MemoryClaims(talk.broker, "q", "w")
        await talk.until(Dispatch)
        [claimed] = await claims.claim(1, 5)
        talk.broker.tell(claimed.call, Progress("Half of it.", {"done": 1}))
        told = await talk.until(CallProgressed)
        assert (told.attempt, told.text, told.data) == (1, "Half of it.", {"done": 1})
        await claims.settle(claimed, done)

    assert await talk.run_with(serve) == "completed"
    [shown] = talk.reported("call.progress")
    assert shown["text"] == "Half of it."


class NoEntry(MemoryCalls):
    """A queue that this program has no permission for."""

    async def publish(self, call: Call) -> None:
        raise ServiceError("NOPERM at redis.example:6379")

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        raise ServiceError("NOPERM at redis.example:6379")


async def test_what_redis_refuses_for_one_call_does_not_end_the_conversation() -> None:
    talk = Talk(work(), NoEntry)
    assert await talk.run() == "completed"
    [failed] = talk.reported("call.failed")
    assert failed["code"] == "unavailable"
    assert "redis.example" not in str(talk.seen)


class CutOff(MemoryCalls):
    """The first publish is carried out, but its answer is lost."""

    async def publish(self, call: Call) -> None:
        await super().publish(call)
        if call.attempt == 1:
            raise QueueUnavailable("cut off")


class CutOffForLonger(CutOff):
    """So is the first withdrawal, before anything came of it."""

    refusals = 1

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        if self.refusals:
            self.refusals -= 1
            raise QueueUnavailable("cut off")
        return await super().withdraw(call, by)


@pytest.mark.parametrize("calls", [CutOff, CutOffForLonger])
async def test_an_attempt_that_may_run_is_withdrawn_before_the_next(
    calls: type[MemoryCalls],
) -> None:
    talk = Talk(work("retry: {max: 1, backoff: 10ms}\nidempotency: k"), calls)

    async def serve() -> None:
        while len(talk.all(Dispatch)) < 2:
            await talk.until(Dispatch)
            await anyio.lowlevel.checkpoint()
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(10, 5)
        assert claimed.call.attempt == 2
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(serve) == "completed"
    [retrying] = talk.reported("call.retrying")
    assert retrying["code"] == "unavailable"
    assert talk.outcome(f"{retrying['call']}.1") == Outcome.withdrawn("cancel")
    assert len(talk.reported("call.done")) == 1


class Deaf(MemoryCalls):
    """Workers answer, and nobody hears of it."""

    async def settled(self) -> AsyncIterator[tuple[str, Outcome]]:
        await anyio.sleep_forever()
        yield "", Outcome("worker")


async def test_a_worker_who_answered_before_the_deadline_is_believed() -> None:
    talk = Talk(work("timeout: 10ms"), Deaf)

    async def serve() -> None:
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(serve) == "completed"
    assert [done["result"] for done in talk.reported("call.done")] == ["done"]
    assert not talk.reported("call.late")


class Away(MemoryCalls):
    """Redis takes a call and is not seen again."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        raise QueueUnavailable("away")


class Cut(MemoryCalls):
    """The way to Redis is half open: nothing comes back."""

    async def withdraw(self, call: Call, by: Settler) -> Outcome:
        await anyio.sleep_forever()
        raise AssertionError


@pytest.mark.parametrize("calls", [MemoryCalls, Away, Cut])
async def test_a_call_that_nobody_answers_has_timed_out_with_redis_and_without(
    calls: type[MemoryCalls],
) -> None:
    talk = Talk(work("timeout: 10ms"), calls)
    assert await talk.run() == "completed"
    assert [failed["code"] for failed in talk.reported("call.failed")] == ["timeout"]
    assert len(talk.all(Withdraw)) == 1


async def test_a_provider_who_leaves_while_a_kept_call_is_open_changes_nothing() -> None:
    talk = Talk(work())

    async def leave() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()
        talk.line.give(problem=ProviderRefused("session_expired", "over"))
        await anyio.wait_all_tasks_blocked()
        claims = MemoryClaims(talk.broker, "q", "w")
        [claimed] = await claims.claim(1, 5)
        await claims.settle(claimed, Outcome("worker", "done"))

    assert await talk.run_with(leave) == "hangup"
    assert len(talk.reported("call.done")) == 1


class Published(MemoryCalls):
    """Keeps what is published."""

    published: ClassVar[list[Call]] = []

    async def publish(self, call: Call) -> None:
        self.published.append(call)
        await super().publish(call)


async def test_how_urgent_a_call_is_and_its_rate_go_with_it() -> None:
    talk = Talk(work("priority: job\nrate: 10/m\nsafe: true"), Published)

    async def leave() -> None:
        await talk.until(Dispatch)
        await talk.session.caller_leaves()

    await talk.run_with(leave)
    [call] = Published.published
    assert (call.priority, call.rate) == ("job", Rate(10, 60.0))
