"""An asking process of a drill: `python -m tests.drills.asker URL PLAN`.

It asks as a session does, through the session's `CallDesk`, withdraws at the deadline, and asks
for another attempt under the same key where a flow would. What it wants and what it was answered
stands in the ledger, so that one that was killed can be started again and goes on.
"""

import json
import logging
import os
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from orchestrator.desk import CallDesk
from orchestrator.dispatch.call import Call
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.flow.commands import Dispatch, Withdraw
from orchestrator.flow.events import CallProgressed, CallSettled
from orchestrator.link import connect
from tests.drills.ledger import Ledger

__all__ = ["QUEUE", "SESSION", "Plan"]

QUEUE, SESSION = "drill", "drill"
AGAIN = {"crashed", "unavailable", "busy"}
"""What a flow with `retry` asks again for."""


@dataclass(frozen=True)
class Plan:
    """`calls` of the `kinds` in turn, `flight` of them at a time; then more until the file
    `enough` exists. Each takes up to `seconds` to run, and is given up after `timeout`.

    Kinds: a tool of `tools`, or `withdrawn`, which is `commit` and withdrawn at once.
    """

    calls: int
    kinds: tuple[str, ...] = ("commit",)
    flight: int = 50
    seconds: float = 0.1
    timeout: float = 120.0
    attempts: int = 1000
    enough: str = ""


class _Noting(StreamCalls):
    """Notes which calls Redis has acknowledged."""

    ledger: Ledger

    async def publish(self, call: Call) -> None:
        await super().publish(call)
        self.ledger.published(call.id)


class Asker:
    def __init__(self, plan: Plan, ledger: Ledger, calls: StreamCalls) -> None:
        self._plan = plan
        self._ledger = ledger
        self._desk = CallDesk(calls, SESSION, self._tell, time.time)
        self._flying = anyio.Semaphore(plan.flight)
        self._told: dict[str, tuple[anyio.Event, list[CallSettled]]] = {}

    async def run(self) -> None:
        async with anyio.create_task_group() as listening:
            listening.start_soon(self._desk.listen)
            async with anyio.create_task_group() as errands:
                for name, kind in self._names():
                    await self._flying.acquire()
                    errands.start_soon(self._ask, name, kind, errands)
            listening.cancel_scope.cancel()

    def _names(self) -> Iterator[tuple[str, str]]:
        """What was wanted by a predecessor and not answered, then what is new."""
        yield from self._ledger.unanswered().items()
        number = len(self._ledger.wanted())
        while number < self._plan.calls or self._more():
            name, kind = str(number), self._plan.kinds[number % len(self._plan.kinds)]
            self._ledger.want(name, kind)
            yield name, kind
            number += 1

    def _more(self) -> bool:
        return bool(self._plan.enough) and not Path(self._plan.enough).exists()

    async def _ask(self, name: str, kind: str, errands: TaskGroup) -> None:
        attempts = self._plan.attempts if kind == "commit" else 1
        for attempt in range(1, attempts + 1):
            began = time.time()
            code = await self._attempt(name, kind, attempt, errands)
            if code not in AGAIN or attempt == attempts:
                late = time.time() - began - self._plan.timeout
                self._ledger.answer(name, code, attempt, late)
                break
            await anyio.sleep(min(1.0, 0.1 * attempt))
        self._flying.release()

    async def _attempt(self, name: str, kind: str, attempt: int, errands: TaskGroup) -> str:
        told, answers = self._told[name] = anyio.Event(), []
        dispatch = self._dispatch(name, kind, attempt)
        if kind == "withdrawn":
            await self._desk.publish(dispatch)
        else:
            errands.start_soon(self._desk.publish, dispatch)  # as a session does
            with anyio.move_on_after(self._plan.timeout):
                await told.wait()
        await self._desk.withdraw(Withdraw(name, attempt, "deadline"))  # nothing if it was told
        assert len(answers) == 1, f"{name}, attempt {attempt}: told {len(answers)} times"
        return answers[0].outcome.error.code if answers[0].outcome.error else "ok"

    def _dispatch(self, name: str, kind: str, attempt: int) -> Dispatch:
        tool = "commit" if kind == "withdrawn" else kind
        # Not all at the same moment, and the same for every attempt.
        given = {"seconds": self._plan.seconds * (0.5 + int(name) % 50 / 100)}
        again = tool != "once"
        return Dispatch(name, attempt, QUEUE, tool, given, name, self._plan.timeout, again)

    async def _tell(self, event: CallSettled | CallProgressed) -> None:
        assert isinstance(event, CallSettled)
        told, answers = self._told[event.call]
        answers.append(event)
        told.set()


async def main(url: str, plan: Plan) -> None:
    ledger = Ledger(Path(os.environ["DRILL_LEDGER"]))
    async with connect(url) as link:
        calls = _Noting(link, f"asker-{secrets.token_hex(4)}", relook=1.0)
        calls.ledger = ledger
        await Asker(plan, ledger, calls).run()
    ledger.close()


def as_argument(plan: Plan) -> str:
    return json.dumps(asdict(plan))


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    anyio.run(main, sys.argv[1], Plan(**json.loads(sys.argv[2])))
