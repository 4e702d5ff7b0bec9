"""One session with one MCP server, from connecting to its end.

What the SDK leaves open is closed here: a server that dies is noticed at once and not
at the next call; a server that cannot be reached by HTTP fails one request and not the
session with everything in flight; and whether a lost request was sent is known.
"""

import logging
import os
import sys
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO, cast

import anyio
import httpx2
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import (
    CONNECTION_CLOSED,
    INVALID_REQUEST,
    CallToolResult,
    RequestParamsMeta,
    ToolListChangedNotification,
)
from mcp.types import Tool as OfferedTool

from orchestrator.dispatch.call import Json
from orchestrator.errors import ServiceError
from orchestrator.mcp_host.lock import Tool, Tools
from orchestrator.mcp_host.registry import Http, Server, Stdio

__all__ = [
    "CONNECT_LIMIT",
    "ServerDown",
    "Session",
    "connect",
    "in_words",
    "look",
    "look_at_all",
    "open_log",
]

CONNECT_LIMIT = 20.0  # seconds for starting, the handshake and the first list of tools
LISTEN_PAUSE = 1.0  # seconds before listening again for changes, where a proxy cut us off
LOG_SIZE = 1 << 20  # bytes
PAGES = 100  # of a list of tools: one that never ends must not hang us

NOT_SENT = -32098  # ours, in JSON-RPC's range for implementations: nobody received the request
SDK_CLOSED = "Connection closed"  # the SDK's words; a server may use the same code for its own

# They print whole addresses, which may hold keys, and a traceback for each line that is not
# JSON. What matters is said by whoever holds the session.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("mcp.client").setLevel(logging.CRITICAL)


class ServerDown(Exception):
    """The server could not be asked. `sent`: it may have received the request all the same."""

    def __init__(self, message: str, *, sent: bool) -> None:
        self.sent = sent
        super().__init__(message)


class Session:
    """A session with a server. `tools` is what it offers now, kept up to date by `follow`."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.tools: Tools = {}
        self._client: Client | None = None
        self._over = anyio.Event()
        self._changed = anyio.Event()

    @property
    def over(self) -> bool:
        return self._over.is_set()

    def end(self) -> None:
        """Mark the session as lost; whoever follows it closes it."""
        self._over.set()

    async def opened(self, client: Client) -> None:
        self._client = client
        self.tools = await _offered(self.server.name, client)

    async def call(
        self,
        tool: str,
        arguments: Mapping[str, Json],
        limit: float,
        meta: Mapping[str, Json],
        progress: ProgressFnT | None = None,
    ) -> CallToolResult:
        """Call a tool, for at most `limit` seconds; cancelling this cancels the request.
        `progress` hears how far the server says it is: a number, of how many, in what words.

        Raises `ServerDown`, `MCPError` with the server's own error, and `RuntimeError` or
        `ValidationError` where the answer does not keep to its schema.
        """
        client = self._client
        if client is None or self.over:
            raise ServerDown("its connection was lost", sent=False)
        request = cast("RequestParamsMeta", meta)
        try:
            return await client.call_tool(tool, dict(arguments), limit, progress, meta=request)
        except MCPError as error:
            if not self._lost(error):
                raise
            self.end()
            sent = error.code == CONNECTION_CLOSED
            raise ServerDown(error.message, sent=sent) from None

    def _lost(self, error: MCPError) -> bool:
        remote = isinstance(self.server.transport, Http)
        if error.code == CONNECTION_CLOSED:
            return remote or error.message == SDK_CLOSED
        # A restarted HTTP server refuses the session id that it does not know.
        return error.code == NOT_SENT or (remote and error.code == INVALID_REQUEST)

    async def follow(self, listed: Callable[[Tools], None]) -> None:
        """Keep `tools` up to date and report each list; returns when the session is over."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._list_again, listed)
            tasks.start_soon(self._listen)
            await self._over.wait()
            tasks.cancel_scope.cancel()

    async def heard(self, message: object) -> None:
        """A notification of the server: how those of the older revisions tell of changes."""
        if isinstance(message, ToolListChangedNotification):
            self._changed.set()

    async def _list_again(self, listed: Callable[[Tools], None]) -> None:
        while self._client:
            await self._changed.wait()
            self._changed = anyio.Event()
            self.tools = await _offered(self.server.name, self._client)
            listed(self.tools)

    async def _listen(self) -> None:
        """Hear of changes the newer way. Nothing is replayed, so each start lists again."""
        while (client := self._client) and _tells_of_changes(client):
            try:
                async with client.listen(tools_list_changed=True) as changes:
                    self._changed.set()
                    async for _ in changes:
                        self._changed.set()
            except SubscriptionLost:
                pass  # a proxy may cut a quiet stream; whether the server lives, the list tells
            self._changed.set()
            await anyio.sleep(LISTEN_PAUSE)


@asynccontextmanager
async def connect(server: Server, stderr: TextIO) -> AsyncGenerator[Session]:
    """Open a session; `stderr` is a real file that takes what a stdio server prints there.

    There is no time limit of its own: put it under a cancel scope *outside*.
    """
    session = Session(server)
    async with AsyncExitStack() as stack:
        transport = await _transport(server, session, stderr, stack)
        client = Client(
            transport,
            cache=None,
            read_timeout_seconds=CONNECT_LIMIT,
            message_handler=session.heard,
        )
        await session.opened(await stack.enter_async_context(client))
        try:
            yield session
        finally:
            session.end()


async def look(server: Server, logs: Path, limit: float = CONNECT_LIMIT) -> Tools:
    """Connect once, and say what is offered. Raises `ServiceError`, which names the log if the
    server has printed something there."""
    log = _log(logs, server)
    before = _size(log)
    try:
        with (
            anyio.CancelScope(deadline=anyio.current_time() + limit),
            open_log(logs, server) as file,
        ):
            async with connect(server, file) as session:
                return session.tools
        raise TimeoutError
    except Exception as error:  # a server can fail in any way, and a group of ways
        printed = f"; what it printed is in {log}" if _size(log) != before else ""
        raise ServiceError(f"{server.name}: {in_words(error)}{printed}") from None


async def look_at_all(servers: Iterable[Server], logs: Path) -> Mapping[str, Tools | ServiceError]:
    """What each server offers, or why it does not; all at the same time."""
    seen: dict[str, Tools | ServiceError] = {}

    async def look_at(server: Server) -> None:
        try:
            seen[server.name] = await look(server, logs)
        except ServiceError as error:
            seen[server.name] = error

    async with anyio.create_task_group() as tasks:
        for server in servers:
            tasks.start_soon(look_at, server)
    return dict(sorted(seen.items()))


def open_log(logs: Path, server: Server) -> TextIO:
    """The file for what a server prints to stderr, begun anew when it has grown large."""
    logs.mkdir(parents=True, exist_ok=True)
    path = _log(logs, server)
    return path.open("w" if _size(path) > LOG_SIZE else "a", encoding="utf-8")


def _log(logs: Path, server: Server) -> Path:
    return logs / f"mcp-{server.name}.log"


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def in_words(error: BaseException) -> str:
    """Why a server is not there, for people. Never an exception's text: it may hold secrets."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    match error:
        case MCPError():
            return error.message
        case FileNotFoundError():
            return "its command, or its working directory, does not exist"
        case PermissionError():
            return "its command may not be executed"
        case TimeoutError():
            return "it did not answer in time"
        case _:
            return f"it failed ({type(error).__name__})"


async def _offered(server: str, client: Client) -> Tools:
    tools: dict[str, Tool] = {}
    cursor: str | None = None
    for _ in range(PAGES):
        page = await client.list_tools(cursor=cursor)
        tools |= {tool.name: _tool(server, tool) for tool in page.tools}
        cursor = page.next_cursor
        if cursor is None:
            break
    return tools


def _tool(server: str, tool: OfferedTool) -> Tool:
    hints = tool.annotations
    annotations = hints.model_dump(mode="json", by_alias=True, exclude_none=True) if hints else {}
    return Tool(server, tool.name, tool.description or "", tool.input_schema, annotations)


def _tells_of_changes(client: Client) -> bool:
    tools = client.server_capabilities.tools
    return client.protocol_version >= "2026" and bool(tools and tools.list_changed)


async def _transport(
    server: Server, session: Session, stderr: TextIO, stack: AsyncExitStack
) -> AbstractAsyncContextManager[Any]:
    match server.transport:
        case Stdio() as stdio:
            return _noticing_the_end(stdio_client(_parameters(stdio), stderr), session.end)
        case Http() as http:
            # Answers and change streams may take any time: calls have limits of their own.
            timeout = httpx2.Timeout(CONNECT_LIMIT, read=None)
            client = _HttpClient(headers=dict(http.headers), timeout=timeout)
            await stack.enter_async_context(client)
            return streamable_http_client(http.url, http_client=client)


def _parameters(stdio: Stdio) -> StdioServerParameters:
    """`python` means the interpreter that we run on, also where no environment is activated."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return StdioServerParameters(
        command=stdio.command,
        args=list(stdio.args),
        env={"PATH": path, **stdio.env},
        cwd=stdio.cwd,
    )


class _HttpClient(httpx2.AsyncClient):
    """Answers a request itself where the server cannot be reached.

    An exception would end the session, and all that other callers have in flight with it.
    """

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        try:
            response = await super().send(request, **options)
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            return _answer(request, NOT_SENT, "it cannot be reached")
        except httpx2.TransportError as error:
            message = f"its connection was lost ({type(error).__name__})"
            return _answer(request, CONNECTION_CLOSED, message)
        if response.status_code in (401, 403):
            await response.aclose()
            message = f"it refuses our credentials (HTTP {response.status_code})"
            return _answer(request, NOT_SENT, message)
        return response


def _answer(request: httpx2.Request, code: int, message: str) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
    return httpx2.Response(503, json=body, request=request)


@asynccontextmanager
async def _noticing_the_end(
    transport: AbstractAsyncContextManager[Any], ended: Callable[[], None]
) -> AsyncGenerator[Any]:
    async with transport as (read, write):
        yield _Noticing(read, ended), write


class _Noticing:
    """A read stream that says when it ends. The SDK tells only callers that wait just then."""

    def __init__(self, stream: Any, ended: Callable[[], None]) -> None:
        self._stream = stream
        self._ended = ended

    async def receive(self) -> Any:
        try:
            return await self._stream.receive()
        except (anyio.EndOfStream, anyio.ClosedResourceError):
            self._ended()
            raise

    def __aiter__(self) -> "_Noticing":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> "_Noticing":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()
