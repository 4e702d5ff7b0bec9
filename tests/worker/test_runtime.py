import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch.call import Call, Outcome
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.interfaces import Claimed, Settlement
from orchestrator.memory import MemoryBroker, MemoryCalls, MemoryClaims
from orchestrator.worker import runtime
from orchestrator.worker.runtime import BEATS, Run, Worker


def call(number: int = 1, *, timeout: float = 30.0, left: float = 60.0) -> Call:
    now = time.time()
    return Call(
        id=f"s.{number}.1",
        queue="booking",
        tool="book",
        arguments={"number": number},
        key=f"s.{number}",
        attempt=1,
        timeout=timeout,
        deadline=now + left,
        session="s",
        reply_to="process",
        created=now,
    )


class Desk:
    """Both ends of one queue in memory, and the outcomes as they come back."""

    def __init__(self) -> None:
        self.broker = MemoryBroker()
        self.calls = MemoryCalls(self.broker, "process")
        self.claims = MemoryClaims(self.broker, "booking", "worker-1")

    async def ask(self, *calls: Call) -> dict[str, Outcome]:
        for each in calls:
            await self.calls.publish(each)
        return await self.outcomes(len(calls))

    async def outcomes(self, count: int) -> dict[str, Outcome]:
        answers: dict[str, Outcome] = {}
        with anyio.fail_after(30):
            async for call_id, outcome in self.calls.settled():
                answers[call_id] = outcome
                if len(answers) == count:
                    break
        return answers

    @asynccontextmanager
    async def worker(self, run: Run, slots: int = 10) -> AsyncGenerator[Worker]:
        async with working(Worker(self.claims, run, slots)) as worker:
            yield worker


@asynccontextmanager
async def working(worker: Worker) -> AsyncGenerator[Worker]:
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(worker.serve)
            yield worker
            worker.stop()


async def echo(call: Call) -> Outcome:
    return Outcome("worker", dict(call.arguments))


async def never(call: Call) -> Outcome:
    await anyio.sleep_forever()
    raise AssertionError


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_call_is_run_and_settled(desk: Desk) -> None:
    async with desk.worker(echo):
        assert await desk.ask(call(7)) == {"s.7.1": Outcome("worker", {"number": 7})}


async def test_no_more_calls_run_than_there_are_slots(desk: Desk) -> None:
    running = most = 0

    async def count(call: Call) -> Outcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await anyio.wait_all_tasks_blocked()
        running -= 1
        return Outcome("worker")

    async with desk.worker(count, slots=3):
        assert len(await desk.ask(*map(call, range(20)))) == 20
    assert most == 3


async def test_a_call_whose_deadline_has_passed_is_not_run(desk: Desk) -> None:
    ran: list[str] = []

    async def note(call: Call) -> Outcome:
        ran.append(call.id)
        return Outcome("worker")

    async with desk.worker(note):
        outcomes = await desk.ask(call(1, left=-1), call(2))
    assert outcomes["s.1.1"] == Outcome.withdrawn("deadline")
    assert ran == ["s.2.1"]


async def test_an_attempt_ends_at_its_timeout_or_the_deadline(desk: Desk) -> None:
    async with desk.worker(never):
        outcomes = await desk.ask(call(1, timeout=0.01), call(2, left=0.05))
    assert [each.error and each.error.code for each in outcomes.values()] == ["timeout"] * 2


async def test_a_call_that_is_asked_to_stop_is_settled_as_cancelled_by_its_worker(
    desk: Desk,
) -> None:
    started = anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        return await never(call)

    async with desk.worker(run):
        await desk.calls.publish(call(1))
        await started.wait()
        assert await desk.calls.ask_to_stop(call(1)) is None
        with anyio.fail_after(30):
            assert await anext(desk.calls.settled()) == (call(1).id, Outcome.withdrawn("cancel"))


async def test_a_withdrawn_call_is_cancelled_and_its_slot_is_free_again(desk: Desk) -> None:
    started, cancelled = anyio.Event(), anyio.Event()

    async def run(call: Call) -> Outcome:
        if call.arguments["number"] == 2:
            return Outcome("worker")
        started.set()
        try:
            return await never(call)
        finally:
            cancelled.set()

    async with desk.worker(run, slots=1):
        await desk.calls.publish(call(1))
        await started.wait()
        await desk.calls.withdraw(call(1), "cancel")
        await cancelled.wait()
        assert (await desk.ask(call(2)))["s.2.1"].ok


async def test_an_exception_becomes_an_outcome_that_tells_nothing_of_it(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    async def explode(call: Call) -> Outcome:
        raise RuntimeError("db-7.internal is down")

    async with desk.worker(explode):
        outcome = (await desk.ask(call()))["s.1.1"]
    assert outcome == Outcome.failed("worker", "error", "book failed unexpectedly.")
    [record] = caplog.records
    assert record.exc_info and "book failed (call s.1.1)" in record.message


async def test_a_handler_that_cancels_itself_has_failed_and_its_slot_is_free_again(
    desk: Desk,
) -> None:
    async def cancel_itself(call: Call) -> Outcome:
        task = asyncio.current_task()
        assert task
        task.cancel()
        return await never(call)

    async with desk.worker(cancel_itself, slots=1):
        outcomes = await desk.ask(call(1), call(2))
    assert {each.error and each.error.code for each in outcomes.values()} == {"error"}


async def test_a_handler_that_swallows_a_cancellation_keeps_no_slot(desk: Desk) -> None:
    async def swallow(call: Call) -> Outcome:
        task, never_done = asyncio.current_task(), asyncio.Future[None]()
        assert task
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await never_done
        await never_done  # cancelled by now
        raise AssertionError

    async with desk.worker(swallow, slots=1):
        outcomes = await desk.ask(call(1), call(2))
    assert {each.error and each.error.code for each in outcomes.values()} == {"error"}


async def test_a_handler_that_cancels_itself_when_it_is_cancelled_was_withdrawn(
    desk: Desk,
) -> None:
    started = anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        try:
            return await never(call)
        finally:
            task = asyncio.current_task()
            assert task
            task.cancel()

    async with desk.worker(run, slots=1):
        await desk.calls.publish(call(1))
        await started.wait()
        assert await desk.calls.ask_to_stop(call(1)) is None
        assert await desk.outcomes(1) == {call(1).id: Outcome.withdrawn("cancel")}


async def test_a_call_that_cannot_be_handed_back_is_left_to_others(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    class Refusing(Wrapped):
        async def hand_back(self, claimed: Claimed) -> None:
            raise ServiceError("WRONGTYPE")

    worker = Worker(Refusing(desk.claims), never, grace=0)
    async with working(worker):
        await desk.calls.publish(replace(call(1), rerun=True))
        await anyio.wait_all_tasks_blocked()
    assert "s.1.1 is left to others" in caplog.text


async def test_a_handler_that_waits_for_something_cancelled_has_failed(desk: Desk) -> None:
    async def misled(call: Call) -> Outcome:
        beside = asyncio.create_task(anyio.sleep(60))
        beside.cancel()
        await beside
        raise AssertionError

    async with desk.worker(misled, slots=1):
        outcomes = await desk.ask(call(1), call(2))
    assert [each.error and each.error.code for each in outcomes.values()] == ["error"] * 2


async def test_stopping_lets_running_calls_finish_and_takes_no_new_ones(desk: Desk) -> None:
    started, finish = anyio.Event(), anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        await finish.wait()
        return Outcome("worker", "finished")

    async with desk.worker(run, slots=1) as worker:
        await desk.calls.publish(call(1))
        await started.wait()
        worker.stop()
        await desk.calls.publish(call(2))
        finish.set()
        assert await desk.outcomes(1) == {"s.1.1": Outcome("worker", "finished")}
    other = MemoryClaims(desk.broker, "booking", "worker-2")
    assert [claimed.call.id for claimed in await other.claim(10, 0)] == ["s.2.1"]


async def test_what_outlasts_the_grace_and_may_run_twice_is_handed_back(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    started = anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        return await never(call)

    async with working(Worker(desk.claims, run, grace=0)):
        await desk.calls.publish(replace(call(), rerun=True))
        await started.wait()
    assert "cut short: s.1.1" in caplog.text
    other = MemoryClaims(desk.broker, "booking", "worker-2")
    assert [again.deliveries for again in await other.claim(1, 0)] == [1]


async def test_what_outlasts_the_grace_and_may_not_run_twice_has_an_unknown_outcome(
    desk: Desk,
) -> None:
    started = anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        return await never(call)

    async with working(Worker(desk.claims, run, grace=0)):
        await desk.calls.publish(call())
        await started.wait()
    unknown = Outcome.failed("dead", "crashed", "outcome unknown")
    assert await desk.outcomes(1) == {"s.1.1": unknown}


async def test_a_stopped_worker_does_not_wait_for_redis_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "LAST_WORDS", 0.05)
    started = anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        return await never(call)

    async with working(Worker(Flaky(desk.claims, failures=1000), run, grace=0)):
        await desk.calls.publish(call())
        await started.wait()
    assert desk.broker.queue("booking").outcome("s.1.1") is None  # others will sweep it


async def test_a_stall_of_the_machine_makes_nobody_dead(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = Beating(MemoryClaims(desk.broker, "booking", "worker-1", lease=0.3))
    async with working(Worker(claims, echo)):
        await claims.sweeps(1)
        claims.said.clear()
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 60)
        await claims.sweeps(1)
        assert claims.said == ["renewed"] * (BEATS + 2) + ["swept"]


async def test_what_a_stopped_worker_is_still_given_is_handed_back_unrun(desk: Desk) -> None:
    ran: list[str] = []

    async def note(call: Call) -> Outcome:
        ran.append(call.id)
        return Outcome("worker")

    async with working(Worker(desk.claims, note)) as worker:
        await anyio.wait_all_tasks_blocked()  # it waits for a call
        worker.stop()
        await desk.calls.publish(call())
    other = MemoryClaims(desk.broker, "booking", "worker-2")
    assert [again.deliveries for again in await other.claim(1, 0)] == [1]
    assert ran == []


async def test_a_running_call_keeps_its_lease_however_long_it_takes(desk: Desk) -> None:
    claims = Beating(MemoryClaims(desk.broker, "booking", "worker-1", lease=0.05))
    started, finish = anyio.Event(), anyio.Event()

    async def run(call: Call) -> Outcome:
        started.set()
        await finish.wait()
        return Outcome("worker", "finished")

    async with working(Worker(claims, run)):
        await desk.calls.publish(call())
        await started.wait()
        await claims.sweeps(3)
        finish.set()
        assert await desk.outcomes(1) == {"s.1.1": Outcome("worker", "finished")}


async def test_a_dead_workers_call_is_run_by_another(desk: Desk) -> None:
    await desk.calls.publish(replace(call(7), rerun=True))
    await MemoryClaims(desk.broker, "booking", "dead").claim(1, 0)
    desk.broker.queue("booking").age(60)
    claims = MemoryClaims(desk.broker, "booking", "worker-1", lease=0.05)
    async with working(Worker(claims, echo)):
        assert await desk.outcomes(1) == {"s.7.1": Outcome("worker", {"number": 7})}


async def test_nobody_is_taken_for_dead_until_everybody_could_renew(desk: Desk) -> None:
    claims = Beating(MemoryClaims(desk.broker, "booking", "worker-1", lease=0.3), away=3)
    async with working(Worker(claims, echo)):
        await claims.sweeps(1)
    assert claims.said[: 3 + BEATS + 1] == ["away"] * 3 + ["renewed"] * (BEATS + 1)
    assert claims.said[3 + BEATS + 1] == "swept"


class Wrapped:
    """Claims to make faulty, or to listen to."""

    def __init__(self, claims: MemoryClaims) -> None:
        self._claims = claims

    @property
    def lease(self) -> float:
        return self._claims.lease

    async def claim(self, slots: int, wait: float) -> Sequence[Claimed]:
        return await self._claims.claim(slots, wait)

    async def settle(self, claimed: Claimed, outcome: Outcome) -> Settlement:
        return await self._claims.settle(claimed, outcome)

    async def settle_all(self, ended: Sequence[tuple[Claimed, Outcome]]) -> Sequence[Settlement]:
        return await self._claims.settle_all(ended)

    def withdrawn(self) -> AsyncIterator[str]:
        return self._claims.withdrawn()

    async def renew(self) -> bool:
        return await self._claims.renew()

    async def sweep(self) -> None:
        await self._claims.sweep()

    async def hand_back(self, claimed: Claimed) -> None:
        await self._claims.hand_back(claimed)

    async def leave(self) -> None:
        await self._claims.leave()


class Beating(Wrapped):
    """Notes renewals and sweeps. Redis is `away` for the first renewals."""

    def __init__(self, claims: MemoryClaims, away: int = 0) -> None:
        super().__init__(claims)
        self.said: list[str] = []
        self._away = away
        self._swept = anyio.Event()

    async def renew(self) -> bool:
        self._away -= 1
        self.said.append("away" if self._away >= 0 else "renewed")
        return self._away < 0 and await super().renew()

    async def sweep(self) -> None:
        await super().sweep()
        self.said.append("swept")
        self._swept.set()

    async def sweeps(self, count: int) -> None:
        for _ in range(count):
            self._swept = anyio.Event()
            await self._swept.wait()


class Flaky(Wrapped):
    """Claims that cannot settle the first times, as when Redis is away."""

    def __init__(self, claims: MemoryClaims, failures: int) -> None:
        super().__init__(claims)
        self._failures = failures

    async def settle_all(self, ended: Sequence[tuple[Claimed, Outcome]]) -> Sequence[Settlement]:
        if self._failures:
            self._failures -= 1
            raise QueueUnavailable("away")
        return await super().settle_all(ended)


async def test_a_settle_rides_out_an_absence_of_redis_without_running_again(desk: Desk) -> None:
    ran = 0

    async def count(call: Call) -> Outcome:
        nonlocal ran
        ran += 1
        return Outcome("worker", ran)

    async with working(Worker(Flaky(desk.claims, failures=2), count)):
        assert await desk.ask(call()) == {"s.1.1": Outcome("worker", 1)}


async def test_an_outcome_that_does_not_count_is_mentioned_and_dropped(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "orchestrator.worker.runtime")

    async def withdrawn_meanwhile(call: Call) -> Outcome:
        with anyio.CancelScope(shield=True):
            await desk.calls.withdraw(call, "cancel")
        return Outcome("worker")

    async with desk.worker(withdrawn_meanwhile):
        await desk.calls.publish(call(1))
        await anyio.wait_all_tasks_blocked()
    assert "s.1.1 does not count" in caplog.text
