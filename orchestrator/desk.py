"""The calls of one session at their queues: published, withdrawn, settled.

The outcome of each is told exactly once, whoever brings it: the queue, a withdrawal, or a
failure to reach the queue at all.
"""

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from orchestrator.crashpoints import crashpoint
from orchestrator.dispatch.call import Call, Outcome
from orchestrator.errors import ServiceError
from orchestrator.flow.commands import AskToStop, Dispatch, Withdraw
from orchestrator.flow.events import CallProgressed, CallSettled
from orchestrator.interfaces import Calls

__all__ = ["CallDesk"]

BACKLOG = 1000
"""How many calls may lie in a queue before the next one is refused as `busy`."""
PATIENCE = 0.5
"""Seconds past a deadline that Redis may take to say whether an answer was first."""

log = logging.getLogger(__name__)


class CallDesk:
    """`tell` takes each outcome, and what handlers report before it; `clock` gives seconds since
    the epoch."""

    def __init__(
        self,
        calls: Calls,
        session: str,
        tell: Callable[[CallSettled | CallProgressed], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self._calls = calls
        self._session = session
        self._tell = tell
        self._clock = clock
        self._open: dict[str, Call] = {}  # by id; the outcome was not told yet
        self._doubtful: dict[str, Call] = {}  # by the engine's id; may run, for all we know

    async def listen(self) -> None:
        """Tell what workers answer, for ever."""
        async for call_id, outcome in self._calls.settled():
            if call := self._open.get(call_id):
                await self._settle(call, outcome)

    async def listen_meanwhile(self) -> None:
        """Tell how far handlers are, for ever."""
        async for call_id, progress in self._calls.progressed():
            if call := self._open.get(call_id):
                name = self._name(call)
                told = CallProgressed(
                    self._clock(), name, call.attempt, progress.text, progress.data
                )
                await self._tell(told)

    async def publish(self, command: Dispatch) -> None:
        """Ask for an attempt. What cannot be asked for has failed."""
        call = self._call(command)
        self._open[call.id] = call
        try:
            await self._take_back_earlier(command.call)
            crashpoint("asker.before_publish")
            await self._calls.publish(call)
            crashpoint("asker.published")
        except ServiceError as problem:
            log.warning("call %s was not published: %s", call.id, problem)
            await self._settle(call, await self._take_back(command.call, call))
        except ValueError as problem:  # what a step passes on from another tool's result, say
            log.warning("call %s cannot be published: %s", call.id, problem)
            invalid = Outcome.failed("refused", "invalid", "its arguments cannot be sent")
            await self._settle(call, invalid)

    async def withdraw(self, command: Withdraw) -> None:
        """Settle an attempt from our side and tell what stands, unless that is our own cancel.

        While Redis is away what we say stands: nobody here can know better.
        """
        call = self._open.get(f"{self._session}.{command.call}.{command.attempt}")
        if call is None:
            return  # it was told already
        try:
            with anyio.fail_after(PATIENCE):
                outcome = await self._calls.withdraw(call, command.by)
            crashpoint("asker.withdrawn")
        except (ServiceError, TimeoutError) as problem:
            log.warning(
                "call %s was not withdrawn: %s", call.id, str(problem) or "no answer in time"
            )
            self._doubtful[command.call] = call
            outcome = Outcome.withdrawn(command.by)
        if outcome.by != "cancel":
            await self._settle(call, outcome)

    async def ask_to_stop(self, command: AskToStop) -> None:
        """Ask whoever runs an attempt to stop. One that nobody has taken is over at once."""
        call = self._open.get(f"{self._session}.{command.call}.{command.attempt}")
        if call is None:
            return  # it was told already
        try:
            outcome = await self._calls.ask_to_stop(call)
        except ServiceError as problem:
            log.warning("call %s was not asked to stop: %s", call.id, problem)
        else:
            if outcome:
                await self._settle(call, outcome)

    async def _settle(self, call: Call, outcome: Outcome) -> None:
        if self._open.pop(call.id, None):
            await self._tell(CallSettled(self._clock(), self._name(call), call.attempt, outcome))

    def _name(self, call: Call) -> str:
        """The engine's id of a call."""
        return call.id.removeprefix(f"{self._session}.").removesuffix(f".{call.attempt}")

    async def _take_back(self, name: str, call: Call) -> Outcome:
        """A publish that failed may have been carried out, and must not run beside the next."""
        self._doubtful.setdefault(name, call)
        with suppress(ServiceError):
            outcome = await self._take_back_earlier(name)
            if outcome and outcome.by != "cancel":
                return outcome
        # Neutral words: the problem's own hold addresses, and the model may tell these.
        return Outcome.failed("refused", "unavailable", "it cannot be asked now")

    async def _take_back_earlier(self, name: str) -> Outcome | None:
        """Withdraw the attempt of this call whose fate is unknown, if there is one."""
        call = self._doubtful.get(name)
        if call is None:
            return None
        outcome = await self._calls.withdraw(call, "cancel")
        self._doubtful.pop(name, None)
        return outcome

    def _call(self, command: Dispatch) -> Call:
        now = self._clock()
        return Call(
            id=f"{self._session}.{command.call}.{command.attempt}",
            queue=command.queue,
            tool=command.tool,
            arguments=command.arguments,
            key=command.key,
            attempt=command.attempt,
            timeout=command.timeout,
            deadline=now + command.timeout,
            session=self._session,
            reply_to=self._calls.reply_to,
            created=now,
            rerun=command.rerun,
            priority=command.priority,
            rate=command.rate,
            backlog=BACKLOG,
        )
