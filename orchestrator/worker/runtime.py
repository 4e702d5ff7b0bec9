"""The runtime of a worker: claim, run, settle. It knows neither handlers nor Redis.

A call's way: claimed when a slot is free, dropped if its deadline has passed, run
under its attempt's timeout, settled. What runs it is the constructor's business, so
that the host of MCP servers is this worker with another `run`.

Nothing is cancelled to stop: a cancelled claim can strand a call that was just
delivered. `stop` lets the current claim end and the running calls finish; what is
still running after `grace` seconds is left unsettled: it times out where it was asked for.
"""

import logging
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeAlias

import anyio
from anyio.abc import TaskGroup

from orchestrator.dispatch.call import Call, Outcome
from orchestrator.errors import QueueUnavailable
from orchestrator.interfaces import Claimed, Claims

__all__ = ["Run", "Worker"]

Run: TypeAlias = Callable[[Call], Awaitable[Outcome]]
"""Runs one call. What it raises becomes the outcome `error`, in neutral words."""

CLAIM_WAIT = 0.25  # seconds; also the longest that an idle worker takes to notice `stop`

log = logging.getLogger(__name__)


class Worker:
    """Runs the calls of one queue with `run`, at most `slots` at a time."""

    def __init__(self, claims: Claims, run: Run, slots: int = 10, *, grace: float = 30.0) -> None:
        self._claims = claims
        self._run = run
        self._slots = slots
        self._grace = grace
        self._running: dict[anyio.CancelScope, str] = {}  # the id of the call in each scope
        self._changed = anyio.Event()
        self._stopping = False

    async def serve(self) -> None:
        """Work until `stop` is called and the running calls are done, or out of grace."""
        async with anyio.create_task_group() as calls:
            calls.start_soon(self._heed_withdrawals)
            await self._claim_until_stopped(calls)
            with anyio.move_on_after(self._grace):
                while self._running:
                    await self._change()
            if self._running:
                log.warning("left unfinished: %s", ", ".join(self._running.values()))
            calls.cancel_scope.cancel()

    def stop(self) -> None:
        """Claim nothing more; `serve` returns when the running calls are done."""
        self._stopping = True
        self._changed.set()

    async def _claim_until_stopped(self, calls: TaskGroup) -> None:
        while not self._stopping:
            if free := self._slots - len(self._running):
                for claimed in await self._claims.claim(free, CLAIM_WAIT):
                    self._start(calls, claimed)
            else:
                await self._change()

    def _start(self, calls: TaskGroup, claimed: Claimed) -> None:
        scope = anyio.CancelScope()
        self._running[scope] = claimed.call.id
        calls.start_soon(self._work, claimed, scope)

    async def _work(self, claimed: Claimed, scope: anyio.CancelScope) -> None:
        try:
            await self._settle(claimed, await self._outcome(claimed.call, scope))
        finally:
            del self._running[scope]
            self._changed.set()

    async def _outcome(self, call: Call, withdrawn: anyio.CancelScope) -> Outcome:
        left = call.deadline - time.time()
        if left <= 0:
            return Outcome.withdrawn("deadline")
        limit = min(call.timeout, left)
        with withdrawn:
            with anyio.move_on_after(limit):
                return await self._attempt(call)
            return Outcome.failed("worker", "timeout", f"No answer within {limit:.3g} seconds.")
        return Outcome.withdrawn("cancel")

    async def _attempt(self, call: Call) -> Outcome:
        try:
            return await self._run(call)
        except Exception:
            # The model hears no exception's text: it may hold addresses, names, queries.
            log.exception("%s failed (call %s)", call.tool, call.id)
            return Outcome.failed("worker", "error", f"{call.tool} failed unexpectedly.")

    async def _settle(self, claimed: Claimed, outcome: Outcome) -> None:
        """Say how the call ended, however long Redis is away: the work is done already."""
        for pause in _pauses():
            try:
                settlement = await self._claims.settle(claimed, outcome)
            except QueueUnavailable as away:
                log.warning("cannot settle call %s yet: %s", claimed.call.id, away)
                await anyio.sleep(pause)
                continue
            if settlement != "settled":
                log.info("the outcome of call %s does not count: %s", claimed.call.id, settlement)
            return

    async def _heed_withdrawals(self) -> None:
        async for call_id in self._claims.withdrawn():
            for scope in [s for s, running in self._running.items() if running == call_id]:
                scope.cancel()

    async def _change(self) -> None:
        """Wait until a call has ended or `stop` was called."""
        await self._changed.wait()
        self._changed = anyio.Event()


def _pauses() -> Iterator[float]:
    """Seconds between tries: growing to five, jittered so that workers do not return as one."""
    pause = 0.1
    while True:
        yield pause * random.uniform(0.5, 1.0)
        pause = min(pause * 2, 5.0)
