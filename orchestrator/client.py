"""Calls from other programs: one line asks a tool, and its outcome comes back.

    async with Client.connect("redis://127.0.0.1:6379/0") as client:
        outcome = await client.call("booking", "cancel_booking", {"ref": "AB12"}, timeout=4)

The call lies in Redis as those of a session do: a worker that dies does not lose it, and the
record is the truth about what came of it. Another process can ask for it by its id.
"""

import asyncio
import contextlib
import logging
import math
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

import anyio
from pydantic_core import to_jsonable_python

from orchestrator.backoff import Backoff
from orchestrator.dispatch import acts, keys
from orchestrator.dispatch.call import Call, Json, Outcome, Priority, Progress, Rate
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import QueueUnavailable, ServiceError, UsageError
from orchestrator.link import Link, connect

__all__ = ["Client"]

RELOOK = 1.0
"""Seconds between two looks at the records of calls whose answer may go to another process."""
HOUR = 3600.0
PRIORITIES: Sequence[str] = get_args(Priority)
PATIENCE = 2.0
"""Seconds that the withdrawal of a cancelled call may take."""

Hear: TypeAlias = Callable[[Progress], None]

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Waiting:
    hear: Hear | None
    answer: "asyncio.Future[Outcome | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def end(self, outcome: Outcome | None = None) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


class Client:
    """Asks tools through one Redis, any number at a time. Made by `connect`."""

    def __init__(self, link: Link, process: str) -> None:
        self._link = link
        self._process = process
        self._calls = StreamCalls(link, process, relook=RELOOK)
        self._waiting: dict[str, list[_Waiting]] = {}  # by the call's id: all who asked for it

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, url: str) -> AsyncGenerator["Client"]:
        """A client of the Redis at a URL of any form that `REDIS_URL` has, open for the block.

        Raises `UsageError` for a URL that is none, `ServiceError` when that Redis is not usable.
        """
        async with connect(url) as link:
            client = cls(link, f"client-{secrets.token_hex(8)}")
            async with _beside(client._listen()), _beside(client._listen_meanwhile()):
                yield client

    async def call(
        self,
        queue: str,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - told to Redis, too
        key: str | None = None,
        id: str | None = None,  # noqa: A002 - it is the call's
        rerun: bool = False,
        priority: Priority = "live",
        limit: int | None = None,
        rate: Rate | None = None,
        progress: Hear | None = None,
    ) -> Outcome:
        """What a tool came to, after `timeout` seconds at the latest. A failure is an `Outcome`.

        `id` (default: a new one) names the call: asked again, by whomever, it is not run again.
        `key` (default: the id) is the idempotency key: a success under it is returned again to
        every later call with it. `rerun` says that a worker may run it again after another has
        died with it. A `live` call is taken before every `job`. No more than `limit` calls of the
        tool run at a time and no more than `rate` begin, over all workers; they wait within
        `timeout`. `progress` hears what the handler reports. Cancelled, it withdraws the call,
        unless another call with this id waits here.

        Raises `QueueUnavailable` while Redis is away: whether the call was made is unknown
        then, and the same `id` asks again. An outage meanwhile is ridden out until `timeout`.
        Raises `UsageError` for a limit, a timeout or a priority that is none, and for arguments
        that cannot be JSON.
        """
        name = id or _new_id()
        call = _call(
            *(queue, tool, arguments, name, key or name, timeout, timeout, self._process),
            *(rerun, priority, limit, rate),
        )
        waiting = _Waiting(progress)
        self._waiting.setdefault(call.id, []).append(waiting)
        timer = asyncio.get_running_loop().call_later(timeout, waiting.end)
        try:
            await self._calls.publish(call)
            return await waiting.answer or await self._give_up(call)
        except ValueError as error:
            raise _no_json(error) from None
        except asyncio.CancelledError:
            if self._waiting[call.id] == [waiting]:  # nobody else here wants it
                await self._cancel(call)
            raise
        finally:
            timer.cancel()
            self._forget(call.id, waiting)

    async def publish(
        self,
        queue: str,
        tool: str,
        arguments: Mapping[str, Json] | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - told to Redis
        within: float = HOUR,
        key: str | None = None,
        id: str | None = None,  # noqa: A002 - it is the call's
        rerun: bool = False,
        priority: Priority = "job",
        limit: int | None = None,
        rate: Rate | None = None,
    ) -> str:
        """Ask a tool without waiting: the id of the call, for `outcome`, whoever asks that.

        It runs for `timeout` seconds at most, begun and ended within `within` seconds from now,
        and does not depend on this process. The rest is as for `call`.
        """
        name = id or _new_id()
        call = _call(
            *(queue, tool, arguments, name, key or name, timeout, within, ""),
            *(rerun, priority, limit, rate),
        )
        try:
            act = acts.publish(call)
        except ValueError as error:
            raise _no_json(error) from None
        await self._link.act(*act)
        return name

    async def outcome(self, queue: str, call_id: str) -> Outcome:
        """What a call came to that somebody made, here or elsewhere, now or within the last hour.

        Waits for it until the call's deadline. Raises `UsageError` for a call that nobody
        has made, `QueueUnavailable` while Redis is away.
        """
        call: Call | None = None
        pause = Backoff(0.02, 0.5)
        while True:
            try:
                call, outcome = await self._record(queue, call_id)
            except QueueUnavailable:
                if call is None or call.deadline < time.time():
                    raise
                outcome = None
            if outcome is not None:
                return outcome
            if call.deadline < time.time():
                return await self._calls.withdraw(call, "deadline")
            await anyio.sleep(pause.next())

    async def _record(self, queue: str, call_id: str) -> tuple[Call, Outcome | None]:
        record = keys.call_record(queue, call_id)
        [[request, outcome]] = await self._link.ask(("HMGET", record, "request", "outcome"))
        if request is None:
            raise UsageError(f"nobody has made a call {call_id} on queue {queue}")
        return Call.from_json(request), Outcome.from_json(outcome) if outcome else None

    async def _give_up(self, call: Call) -> Outcome:
        """At its deadline. What stands then is what all have who asked for it."""
        outcome = await self._calls.withdraw(call, "deadline")
        self._end(call.id, outcome)
        return outcome

    def _end(self, call_id: str, outcome: Outcome) -> None:
        for waiting in self._waiting.get(call_id, ()):
            waiting.end(outcome)

    def _forget(self, call_id: str, waiting: _Waiting) -> None:
        self._waiting[call_id].remove(waiting)
        if not self._waiting[call_id]:
            del self._waiting[call_id]

    async def _cancel(self, call: Call) -> None:
        with anyio.move_on_after(PATIENCE, shield=True):
            try:
                await self._calls.withdraw(call, "cancel")
            except ServiceError as problem:
                log.warning("call %s was not withdrawn: %s", call.id, problem)

    async def _listen(self) -> None:
        async for call_id, outcome in self._calls.settled():
            self._end(call_id, outcome)

    async def _listen_meanwhile(self) -> None:
        async for call_id, progress in self._calls.progressed():
            self._hear(call_id, progress)

    def _hear(self, call_id: str, progress: Progress) -> None:
        for waiting in self._waiting.get(call_id, ()):
            try:
                if waiting.hear:
                    waiting.hear(progress)
            except Exception:
                log.exception("call %s: what hears its progress failed", call_id)


def _new_id() -> str:
    return f"call_{secrets.token_hex(12)}"


def _call(
    queue: str,
    tool: str,
    arguments: Mapping[str, Json] | None,
    call_id: str,
    key: str,
    timeout: float,
    within: float,
    reply_to: str,
    rerun: bool,
    priority: Priority,
    limit: int | None,
    rate: Rate | None,
) -> Call:
    """Raises `UsageError` for what no worker could read, or would read as something else."""
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit}: at least one call must be allowed to run")
    if not (math.isfinite(timeout) and math.isfinite(within)):
        raise UsageError("a timeout is a number of seconds")
    if priority not in PRIORITIES:
        raise UsageError(f"a priority is one of {', '.join(PRIORITIES)}: not {priority}")
    now = time.time()
    return Call(
        id=call_id,
        queue=queue,
        tool=tool,
        arguments=_as_json(arguments or {}),
        key=key,
        attempt=1,
        timeout=timeout,
        deadline=now + within,
        session="",
        reply_to=reply_to,
        created=now,
        rerun=rerun,
        priority=priority,
        limit=limit,
        rate=rate,
    )


def _as_json(arguments: Mapping[str, Json]) -> Json:
    try:
        return to_jsonable_python(arguments)
    except ValueError as error:
        raise _no_json(error) from None


def _no_json(error: ValueError) -> UsageError:
    return UsageError(f"arguments that are no JSON: {error}")


@contextlib.asynccontextmanager
async def _beside(errand: Coroutine[None, None, None]) -> AsyncGenerator[None]:
    """A plain task, as `link.connect` has: a group would wrap what the block raises."""
    task = asyncio.create_task(errand)
    try:
        yield
    finally:
        task.cancel()
        with anyio.CancelScope(shield=True), contextlib.suppress(asyncio.CancelledError):
            await task
