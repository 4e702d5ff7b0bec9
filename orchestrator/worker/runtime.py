"""The runtime of a worker: claim, run, settle. It knows neither handlers nor Redis.

A call's way: claimed when a slot is free, dropped if its deadline has passed, run
under its attempt's timeout, settled. What runs it is the constructor's business, so
that the host of MCP servers is this worker with another `run`.

Beside that, on a timer of its own, the worker renews its leases and sweeps: it judges the
calls that dead workers left. Everybody may renew first, at the start, after an absence of Redis
and after a stall of this machine, before anybody is taken for dead.

Nothing is cancelled to stop: a cancelled claim can strand a call that was just
delivered. `stop` lets the current claim end, hands back what it brings, and lets the running
calls finish. What is still running after `grace` seconds is cancelled; if it may run twice it
is handed back to be run by others, and else its outcome is unknown.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, TypeAlias, TypeVar

import anyio

from orchestrator.backoff import Backoff
from orchestrator.crashpoints import crashpoint
from orchestrator.dispatch.call import Call, Outcome
from orchestrator.errors import QueueUnavailable, ServiceError
from orchestrator.interfaces import Claimed, Claims

__all__ = ["BEATS", "Run", "Worker"]

Run: TypeAlias = Callable[[Call], Awaitable[Outcome]]
"""Runs one call. What it raises becomes the outcome `error`, in neutral words."""

_Answer = TypeVar("_Answer")

CLAIM_WAIT = 0.25  # seconds; also the longest that an idle worker takes to notice `stop`
BEATS = 5
"""How often in its time a lease is renewed: so many beats may be missed, less one."""
BATCH = 50
"""How many calls are settled in one act: Redis does nothing else meanwhile."""
LAST_WORDS = 5.0  # seconds for settling and handing back, once the grace is used up

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Running:
    """A call in one of our slots, and why its handler was cut short if not by its own time."""

    claimed: Claimed
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    cut: Literal["withdrawn", "hurried"] | None = None
    task: "asyncio.Task[None] | None" = None

    def cut_short(self, why: Literal["withdrawn", "hurried"]) -> None:
        if not self.scope.cancel_called:
            self.cut = why
            self.scope.cancel()


class Worker:
    """Runs the calls of one queue with `run`, at most `slots` at a time."""

    def __init__(self, claims: Claims, run: Run, slots: int = 10, *, grace: float = 30.0) -> None:
        self._claims = claims
        self._run = run
        self._slots = slots
        self._grace = grace
        self._running: set[_Running] = set()
        self._ended: list[tuple[_Running, Outcome]] = []  # those of them that are to be settled
        self._some_ended = anyio.Event()
        self._changed = anyio.Event()
        self._stopping = False
        self._over = False  # whoever is cancelled now, or not by its scope, is so by us

    async def serve(self) -> None:
        """Work until `stop` is called and the running calls are done, or out of grace."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._heed_withdrawals)
            beside.start_soon(self._keep_leases)
            beside.start_soon(self._settle)
            async with asyncio.TaskGroup() as calls:  # whose tasks cost less than anyio's
                try:
                    await self._claim_until_stopped(calls)
                    await self._leave()
                finally:
                    self._over = True
            beside.cancel_scope.cancel()

    def stop(self) -> None:
        """Claim nothing more; `serve` returns when the running calls are done."""
        self._stopping = True
        self._changed.set()

    async def _claim_until_stopped(self, calls: asyncio.TaskGroup) -> None:
        while not self._stopping:
            if free := self._slots - len(self._running):
                for claimed in await self._claims.claim(free, CLAIM_WAIT):
                    self._start(calls, claimed)
            else:
                await self._change()

    def _start(self, calls: asyncio.TaskGroup, claimed: Claimed) -> None:
        crashpoint("worker.claimed")
        running = _Running(claimed)
        self._running.add(running)
        running.task = calls.create_task(self._hold(running))

    async def _hold(self, running: _Running) -> None:
        call = running.claimed.call
        outcome = None
        if not self._stopping:
            outcome = await self._outcome(running)
            if outcome is None and not call.rerun:
                outcome = Outcome.withdrawn("dead")
        if outcome is None:
            await self._hand_back(running)
        else:
            self._ended.append((running, outcome))
            self._some_ended.set()

    async def _outcome(self, running: _Running) -> Outcome | None:
        """None for a call that was cut short because this worker stops."""
        call = running.claimed.call
        left = call.deadline - time.time()
        if left <= 0:
            return Outcome.withdrawn("deadline")
        limit = min(call.timeout, left)
        running.scope.deadline = asyncio.get_running_loop().time() + limit
        try:
            with running.scope:
                outcome = await self._attempt(running)
                crashpoint("worker.after_effect")
                return outcome
        except asyncio.CancelledError:  # the handler has cancelled itself, and we did so besides
            if self._over:
                raise
        match running.cut:
            case None:
                return Outcome.failed("worker", "timeout", f"No answer within {limit:.3g} seconds.")
            case "withdrawn":
                return Outcome.withdrawn("cancel")
            case "hurried":
                return None

    async def _attempt(self, running: _Running) -> Outcome:
        call = running.claimed.call
        try:
            return await self._run(call)
        except (Exception, asyncio.CancelledError) as failure:
            ours = self._over or running.scope.cancel_called
            if ours and isinstance(failure, asyncio.CancelledError):
                raise
            # The model hears no exception's text: it may hold addresses, names, queries.
            log.exception("%s failed (call %s)", call.tool, call.id)
            return Outcome.failed("worker", "error", f"{call.tool} failed unexpectedly.")

    async def _settle(self) -> None:
        """Say how calls ended, together those that end meanwhile, for ever."""
        while True:
            await self._some_ended.wait()
            self._some_ended = anyio.Event()
            while ended := self._ended[:BATCH]:
                del self._ended[:BATCH]
                told = [(running.claimed, outcome) for running, outcome in ended]
                # However long Redis is away: the work is done already.
                settlements = await _insisting(partial(self._claims.settle_all, told))
                self._free(*(running for running, _ in ended))
                for (claimed, _), settlement in zip(told, settlements, strict=True):
                    if settlement != "settled":
                        name = claimed.call.id
                        log.info("the outcome of call %s does not count: %s", name, settlement)

    async def _hand_back(self, running: _Running) -> None:
        try:
            await _insisting(partial(self._claims.hand_back, running.claimed))
        except ServiceError as refusal:
            log.error("call %s is left to others: %s", running.claimed.call.id, refusal)
        finally:
            self._free(running)
        crashpoint("drain.handed_back")

    def _free(self, *slots: _Running) -> None:
        self._running.difference_update(slots)
        self._changed.set()

    async def _heed_withdrawals(self) -> None:
        async for call_id in self._claims.withdrawn():
            for running in self._running:
                if running.claimed.call.id == call_id:
                    running.cut_short("withdrawn")

    async def _keep_leases(self) -> None:
        beats, last = 0, time.time()
        while True:
            renewed, since = await self._claims.renew(), time.time() - last
            beats, last = beats + 1, last + since
            if not renewed or since > self._claims.lease:
                beats = 0  # nobody could renew meanwhile, or not on this machine
            if beats > BEATS:
                await self._claims.sweep()
            await anyio.sleep(self._claims.lease / BEATS)

    async def _leave(self) -> None:
        await self._finish(self._grace)
        if self._running:
            ids = (running.claimed.call.id for running in self._running)
            log.warning("cut short: %s", ", ".join(ids))
            for running in self._running:
                running.cut_short("hurried")
            await self._finish(LAST_WORDS)
        with anyio.move_on_after(LAST_WORDS):
            await self._claims.leave()
        for running in self._running:
            if running.task:
                running.task.cancel()

    async def _finish(self, within: float) -> None:
        with anyio.move_on_after(within):
            while self._running:
                await self._change()

    async def _change(self) -> None:
        """Wait until a call has ended or `stop` was called."""
        await self._changed.wait()
        self._changed = anyio.Event()


async def _insisting(act: Callable[[], Awaitable[_Answer]]) -> _Answer:
    """Do it, however long Redis is away."""
    backoff = Backoff(first=0.1, most=5.0)
    while True:
        try:
            return await act()
        except QueueUnavailable as away:
            log.warning("what calls came to cannot be told yet: %s", away)
            await anyio.sleep(backoff.next())
