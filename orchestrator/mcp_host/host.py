"""The MCP host: a worker whose handlers are the tools of MCP servers.

A call on the queue `mcp.NAME` goes to the server NAME of the registry, and what the
server answers becomes the call's outcome. A tool runs only as it was pinned.
"""

import json
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from mcp import MCPError
from mcp.types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    AudioContent,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)
from pydantic import ValidationError

from orchestrator.dispatch.call import Call, Json, Outcome, Progress
from orchestrator.dispatch.roster import Handled
from orchestrator.errors import UsageError
from orchestrator.mcp_host import LOCK, lock
from orchestrator.mcp_host.lock import Tools
from orchestrator.mcp_host.registry import Registry
from orchestrator.mcp_host.server import ServerDown
from orchestrator.mcp_host.supervisor import Supervisor
from orchestrator.worker.handlers import Tell

__all__ = ["KEY", "Host", "outcome_of"]

KEY = "orchestrator/idempotency-key"
"""Where a server finds the idempotency key of a call: in the request's `_meta`."""

PATIENCE = 5.0  # seconds, at most, that a call waits for a server that is just connecting
MESSAGE_SIZE, RESULT_SIZE = 2_000, 100_000  # characters; what is longer is cut

CODES = {REQUEST_TIMEOUT: "timeout", INVALID_PARAMS: "invalid", METHOD_NOT_FOUND: "unknown_tool"}

log = logging.getLogger(__name__)

failed = partial(Outcome.failed, "worker")


class Host:
    """Runs calls on the servers of a registry. `run` is what a `Worker` needs.

    Each of `supervisors` must be run as a task of its own. `directory` holds `mcp.lock.json`.
    `tell` hears how far servers say that they are.
    """

    tell: Tell

    def __init__(self, registry: Registry, directory: Path, logs: Path) -> None:
        """Raises `UsageError` for a lock that cannot be read."""
        self.tell = lambda call, progress: None
        self._path = directory / LOCK
        self._lock = lock.read_lock(self._path)
        self.supervisors: Mapping[str, Supervisor] = {
            server.queue: Supervisor(server, logs, partial(self._warn_of_changes, name))
            for name, server in registry.items()
        }

    @property
    def queues(self) -> dict[str, list[str]]:
        """The names of the pinned tools by queue."""
        servers = {queue: each.server.name for queue, each in self.supervisors.items()}
        return {queue: sorted(self._lock.tools(name)) for queue, name in servers.items()}

    @property
    def handled(self) -> dict[str, dict[str, Handled]]:
        """What the pinned tools take, by queue and name."""
        servers = {queue: each.server.name for queue, each in self.supervisors.items()}
        return {
            queue: {
                tool: Handled(each.input_schema) for tool, each in self._lock.tools(name).items()
            }
            for queue, name in servers.items()
        }

    async def run(self, call: Call) -> Outcome:
        """The outcome of one call."""
        supervisor = self.supervisors.get(call.queue)
        if supervisor is None:
            return failed("unknown_tool", f"No MCP server is registered for {call.queue}.")
        try:
            return await self._run(call, supervisor)
        except ServerDown as down:
            return self._interrupted(call, supervisor, down)
        except MCPError as error:
            return failed(CODES.get(error.code, "error"), _cut(error.message, MESSAGE_SIZE))
        except (RuntimeError, ValidationError):
            log.exception("%s answered %s against its own schema", supervisor.server.name, call.id)
            return failed("error", f"{call.tool} gave an answer that cannot be read.")

    async def _run(self, call: Call, supervisor: Supervisor) -> Outcome:
        # A server that is just starting must not use up the time of the call itself.
        session = await supervisor.session(min(PATIENCE, call.timeout / 2))
        if refusal := self._refusal(call, supervisor.server.name, session.tools):
            return refusal
        meta = {KEY: call.key, **call.trace}

        async def tell(progress: float, total: float | None, message: str | None) -> None:
            self.tell(call, Progress(message or "", {"progress": progress, "total": total}))

        return outcome_of(
            await session.call(call.tool, call.arguments, call.timeout, meta, progress=tell)
        )

    def _refusal(self, call: Call, server: str, offered: Tools) -> Outcome | None:
        """Why the tool is off. It may have been pinned since the lock was read."""
        if self._change(server, call.tool, offered) is not None:
            self._read_lock_again()
        change = self._change(server, call.tool, offered)
        if change is None:
            return None
        known = call.tool in offered or call.tool in self._lock.tools(server)
        return failed("changed" if known else "unknown_tool", f"The tool {call.tool} {change}.")

    def _change(self, server: str, name: str, offered: Tools) -> str | None:
        """How a tool differs from what was pinned, in words; None if it does not."""
        pinned, now = self._lock.tools(server).get(name), offered.get(name)
        if now is None:
            return f"is {'no longer' if pinned else 'not'} offered by {server}"
        if pinned is None:
            return f"of {server} was never pinned"
        return None if pinned == now else f"of {server} has changed since it was pinned"

    def _warn_of_changes(self, server: str, offered: Tools) -> None:
        for name in self._lock.tools(server):
            if change := self._change(server, name, offered):
                advice = f"it is off until `orchestrator mcp pin {server}`"
                log.warning("the MCP tool %s %s: %s", name, change, advice)

    def _read_lock_again(self) -> None:
        try:
            self._lock = lock.read_lock(self._path)
        except UsageError as error:
            log.warning("the lock is kept as it was: %s", error)

    def _interrupted(self, call: Call, supervisor: Supervisor, down: ServerDown) -> Outcome:
        """Whether it may be asked again depends on whether the tool can have run."""
        tool = self._lock.tools(supervisor.server.name).get(call.tool)
        if not down.sent or (tool is not None and tool.repeatable):
            return failed("unavailable", f"{supervisor.server.name} is not available.")
        log.warning("%s was lost during %s: %s", supervisor.server.name, call.id, down)
        return failed("crashed", "outcome unknown")


def outcome_of(result: CallToolResult) -> Outcome:
    """What a server's answer means: its structured content, else its text, as JSON if it is."""
    text = "\n".join(map(_in_words, result.content))
    if result.is_error:
        return failed("error", _cut(text, MESSAGE_SIZE))
    value = result.structured_content
    if value is None:
        value = _parsed(text)
    return Outcome("worker", _bounded(value))


def _parsed(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _bounded(value: Json) -> Json:
    """The value, or its text cut short: results are read by a model, and lie in Redis."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return value if len(text) <= RESULT_SIZE else _cut(text, RESULT_SIZE)


def _cut(text: str, size: int) -> str:
    return text if len(text) <= size else f"{text[:size]}… (cut, {len(text)} characters)"


def _in_words(block: ContentBlock) -> str:
    match block:
        case TextContent():
            return block.text
        case ImageContent() | AudioContent():
            return f"[{block.type}: {block.mime_type}]"
        case ResourceLink():
            return f"[resource: {block.uri}]"
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return resource.text
        case EmbeddedResource(resource=resource):
            return f"[resource: {resource.uri}]"
