"""Calls of one session at their queues: what becomes of one that is asked to stop."""

import json
import time
from collections.abc import Sequence

import anyio
import pytest

from orchestrator.desk import CallDesk
from orchestrator.dispatch.call import Call, Json, Outcome
from orchestrator.errors import QueueUnavailable
from orchestrator.flow.commands import AskToStop, Dispatch
from orchestrator.flow.events import CallProgressed, CallSettled
from orchestrator.interfaces import Claimed
from orchestrator.memory import MemoryBroker, MemoryCalls, MemoryClaims

STOP = AskToStop("c1", 1)
DONE = Outcome("worker", {"ref": "A1"})


class Away(MemoryCalls):
    """Redis has gone after the publish."""

    async def ask_to_stop(self, call: Call) -> Outcome | None:
        raise QueueUnavailable("the connection was lost")


class Asked:
    """One call has been published; what is told of it is in `told`."""

    def __init__(self, kind: type[MemoryCalls] = MemoryCalls) -> None:
        broker = MemoryBroker()
        self.told: list[Outcome] = []
        self.claims = MemoryClaims(broker, "q", "w")
        self.desk = CallDesk(kind(broker, "asker"), "s", self._tell, time.time)

    async def _tell(self, event: CallSettled | CallProgressed) -> None:
        assert isinstance(event, CallSettled)
        self.told.append(event.outcome)

    async def publish(self, **arguments: Json) -> None:
        await self.desk.publish(Dispatch("c1", 1, "q", "write", arguments, "k", 30.0, False))

    async def take(self) -> Claimed:
        [claimed] = await self.claims.claim(1, 5)
        return claimed

    async def hear(self) -> Sequence[Outcome]:
        """What is told when everything that was settled has been heard of."""
        async with anyio.create_task_group() as listening:
            listening.start_soon(self.desk.listen)
            await anyio.wait_all_tasks_blocked()
            listening.cancel_scope.cancel()
        return self.told


async def test_what_a_worker_has_is_told_when_the_worker_says_so() -> None:
    asked = Asked()
    await asked.publish()
    claimed = await asked.take()
    await asked.desk.ask_to_stop(STOP)
    assert await asked.hear() == []
    await asked.claims.settle(claimed, DONE)
    assert await asked.hear() == [DONE]


async def test_what_nobody_has_taken_is_over_at_once() -> None:
    asked = Asked()
    await asked.publish()
    await asked.desk.ask_to_stop(STOP)
    await asked.desk.ask_to_stop(STOP)
    assert await asked.hear() == [Outcome.withdrawn("cancel")]


async def test_what_cannot_be_asked_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    asked = Asked(Away)
    await asked.publish()
    claimed = await asked.take()
    await asked.desk.ask_to_stop(STOP)
    assert "was not asked to stop" in caplog.text
    await asked.claims.settle(claimed, DONE)
    assert await asked.hear() == [DONE]


async def test_what_cannot_be_sent_has_failed() -> None:
    asked = Asked()
    await asked.publish(deep=json.loads("[" * 400 + "]" * 400))
    [outcome] = await asked.hear()
    assert outcome.error and outcome.error.code == "invalid"
