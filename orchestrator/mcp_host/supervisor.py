"""One task per server: it connects, holds the session, and connects again.

Only this task enters and leaves a client, because a client's scopes belong to the task
that entered them. Callers in other tasks ask for the session that is up just now.
"""

import logging
import math
import random
from collections.abc import Callable
from pathlib import Path

import anyio

from orchestrator.mcp_host.lock import Tools
from orchestrator.mcp_host.registry import Server
from orchestrator.mcp_host.server import (
    CONNECT_LIMIT,
    ServerDown,
    Session,
    connect,
    in_words,
    open_log,
)

__all__ = ["Supervisor"]

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between two attempts
LOST = "its connection was lost"
STEADY = 10.0  # seconds that an attempt must last for the pauses to start anew

log = logging.getLogger(__name__)


class Supervisor:
    """Holds the session with one server. `listed` hears of each list of its tools.

    What a stdio server prints to stderr goes to the file `mcp-NAME.log` in `logs`.
    """

    def __init__(
        self,
        server: Server,
        logs: Path,
        listed: Callable[[Tools], None],
        *,
        connect_limit: float = CONNECT_LIMIT,
    ) -> None:
        self.server = server
        self._logs = logs
        self._listed = listed
        self._connect_limit = connect_limit
        self._session: Session | None = None
        self._held = False  # the attempt under way has led to a session, up or lost by now
        self._reason = "it is not started"
        # Set when the attempt under way has succeeded or failed. A set event is replaced,
        # one that callers may be waiting for never is.
        self._attempt = anyio.Event()

    async def session(self, patience: float) -> Session:
        """The session, waiting for an attempt under way but not for the next one.

        Raises `ServerDown`.
        """
        if self._session is not None and self._session.over:
            self._lose()  # the task has not come round to it yet
        if self._session is None:
            with anyio.move_on_after(patience):
                await self._attempt.wait()
        if self._session is None:
            raise ServerDown(f"{self.server.name}: {self._reason}", sent=False)
        return self._session

    async def attempted(self) -> None:
        """Wait until the attempt under way has succeeded or failed."""
        await self._attempt.wait()

    async def run(self) -> None:
        """Runs until it is cancelled."""
        pause = FIRST_PAUSE
        while True:
            began = anyio.current_time()
            try:
                await self._hold()
                self._ended(LOST)
            except Exception as error:  # a server can fail in any way, and a group of ways
                self._ended(in_words(error))
            steady = anyio.current_time() - began > STEADY
            pause = FIRST_PAUSE if steady else min(pause * 2, LONGEST_PAUSE)
            await anyio.sleep(pause * random.uniform(0.5, 1.0))
            if self._attempt.is_set():
                self._attempt = anyio.Event()

    async def _hold(self) -> None:
        """Connect and stay until the session is over. Raises what went wrong."""
        # One scope around all of it, its deadline lifted later: a scope for connecting alone
        # would have to be left before the client's own scopes are, which is not allowed.
        with anyio.CancelScope(deadline=anyio.current_time() + self._connect_limit) as limit:
            with open_log(self._logs, self.server) as stderr:
                async with connect(self.server, stderr) as session:
                    limit.deadline = math.inf
                    self._began(session)
                    await session.follow(self._listed)
        if limit.cancelled_caught:
            raise TimeoutError

    def _began(self, session: Session) -> None:
        log.info("MCP server %s is up: %d tools", self.server.name, len(session.tools))
        self._listed(session.tools)
        self._session = session
        self._held = True
        self._attempt.set()

    def _lose(self) -> None:
        """From now on callers wait for the attempt that follows."""
        self._reason = LOST
        self._session = None
        self._attempt = anyio.Event()

    def _ended(self, reason: str) -> None:
        if self._held or reason != self._reason:
            log.warning("MCP server %s is down: %s", self.server.name, reason)
        if self._session is not None:
            self._lose()
        if not self._held:
            self._attempt.set()
        self._held = False
        self._reason = reason
