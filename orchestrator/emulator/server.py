"""The emulator on a WebSocket: `/v1/realtime`, as the service has it.

What is decided is decided in `session`; this module keeps the order and the pace. A key
or a model that is refused is refused after the upgrade, by an error and a close: that is
what clients meet in production.
"""

import json
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import anyio
from anyio.abc import TaskGroup
from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request
from websockets.http11 import Response as HttpResponse

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import Model
from orchestrator.emulator.native import call_tool, list_tools
from orchestrator.emulator.response import Response
from orchestrator.emulator.servers import Listing, NativeCall, Outcome
from orchestrator.emulator.session import Session
from orchestrator.emulator.wire import Event, event

__all__ = ["MODELS", "Pace", "serve"]

PATH = "/v1/realtime"
LARGEST_FRAME = 16 * 1024 * 1024  # 15 MiB of audio and what is around it
MODELS = frozenset(
    {
        "gpt-realtime",
        "gpt-realtime-1.5",
        "gpt-realtime-2",
        "gpt-realtime-2.1",
        "gpt-realtime-2.1-mini",
        "gpt-realtime-2025-08-28",
        "gpt-realtime-mini",
        "gpt-realtime-mini-2025-10-06",
        "gpt-realtime-mini-2025-12-15",
    }
)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: between the deltas of a response, and from its end to the rate limits."""

    delta: float = 0.0
    rate_limits: float = 0.043


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: str
    message: str
    close: int


@asynccontextmanager
async def serve(
    model_factory: Callable[[], Model],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    key: str | None = None,
    models: Collection[str] = MODELS,
    max_duration: float = 3600.0,
    pace: Pace | None = None,
    faults: Sequence[Faults] = (),
) -> AsyncGenerator[str]:
    """Serve Realtime sessions and give the URL to connect to (`ws://…/v1/realtime`).

    Each session has its own model from `model_factory`. Without `key` any key is good,
    but there must be one. Sessions are closed after `max_duration` seconds. The first
    session has the first of `faults`, and so on; those after the last have none.
    Leaving closes every session. Raises `OSError` if the port is taken.
    """
    emulator = _Emulator(model_factory, key, models, max_duration, pace or Pace(), faults)
    async with listen(
        emulator.attend,
        host,
        port,
        process_request=_route,
        compression=None,
        max_size=LARGEST_FRAME,
        close_timeout=1,
        server_header=None,
    ) as server:
        bound: tuple[str, int] = next(iter(server.sockets)).getsockname()[:2]
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        yield f"ws://{name}:{bound[1]}{PATH}"


def _route(connection: ServerConnection, request: Request) -> HttpResponse | None:
    if urlsplit(request.path).path == PATH:
        return None
    return connection.respond(HTTPStatus.NOT_FOUND, f"Only {PATH} is served here.\n")


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(10)}"


class _Emulator:
    """What the sessions of one server have in common."""

    def __init__(
        self,
        model_factory: Callable[[], Model],
        key: str | None,
        models: Collection[str],
        max_duration: float,
        pace: Pace,
        faults: Iterable[Faults],
    ) -> None:
        self._model_factory = model_factory
        self._key = key
        self._models = models
        self._max_duration = max_duration
        self._pace = pace
        self._faults = iter(faults)

    async def attend(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None, "the handler runs after the handshake"
        query = parse_qs(urlsplit(request.path).query)
        with suppress(ConnectionClosed):
            if refusal := self._refusal(request, query):
                await _refuse(socket, refusal)
                return
            await self._hold(socket, query["model"][0])

    def _refusal(self, request: Request, query: dict[str, list[str]]) -> _Refusal | None:
        if not self._knows(request.headers.get("Authorization", "")):
            return _Refusal("invalid_api_key", "Incorrect API key provided.", 3000)
        if "OpenAI-Beta" in request.headers:
            message = "The beta shape of this API is gone; leave out the header 'OpenAI-Beta'."
            return _Refusal("beta_api_shape_disabled", message, 4000)
        if "call_id" in query:
            message = "The emulator carries no calls to join: connect with '?model='."
            return _Refusal("not_emulated", message, 4000)
        if "model" not in query:
            return _Refusal("missing_model", "You must provide a model: '?model='.", 4000)
        if query["model"][0] not in self._models:
            known = ", ".join(sorted(self._models))
            message = f"The model '{query['model'][0]}' does not exist. There are: {known}."
            return _Refusal("invalid_model", message, 4000)
        return None

    def _knows(self, authorization: str) -> bool:
        scheme, _, key = authorization.partition(" ")
        good = bool(key.strip()) if self._key is None else key.strip() == self._key
        return scheme.lower() == "bearer" and good

    async def _hold(self, socket: ServerConnection, model: str) -> None:
        faults = next(self._faults, Faults())
        session = Session(
            self._model_factory(),
            name=model,
            new_id=_new_id,
            expires_at=int(time.time() + self._max_duration),
            faults=faults,
        )
        with anyio.move_on_after(self._max_duration) as lifetime:
            await _Line(socket, session, self._pace, faults).run()
        if lifetime.cancelled_caught:
            minutes = f"{self._max_duration / 60:g}"
            reason = f"Your session hit the maximum duration of {minutes} minutes."
            await socket.close(1001, reason)


async def _refuse(socket: ServerConnection, refusal: _Refusal) -> None:
    error = {"type": "invalid_request_error", "code": refusal.code, "message": refusal.message}
    detail = {**error, "param": None, "event_id": None}
    await socket.send(json.dumps(event(_new_id, "error", error=detail)))
    await socket.close(refusal.close, f"invalid_request_error.{refusal.code}")


async def _made(call: NativeCall) -> Outcome:
    return await call_tool(call.config, call.tool, call.arguments)


class _Line:
    """One session on its socket: the client's frames, and the responses being streamed."""

    def __init__(
        self, socket: ServerConnection, session: Session, pace: Pace, faults: Faults
    ) -> None:
        self._socket = socket
        self._session = session
        self._pace = pace
        self._faults = faults
        self._sending = anyio.Lock()
        self._waiting: dict[str, list[anyio.Event]] = {}  # by type of client event

    async def run(self) -> None:
        await self._send([self._session.opening()])
        async with anyio.create_task_group() as tasks:
            with suppress(ConnectionClosed):
                async for frame in self._socket:
                    await self._take(frame, tasks)
            tasks.cancel_scope.cancel()

    async def _take(self, frame: str | bytes, tasks: TaskGroup) -> None:
        reaction = self._session.receive(frame)
        if reaction.response:
            tasks.start_soon(self._stream, reaction.response)
        await self._send(reaction.events)
        for listing in reaction.listings:
            tasks.start_soon(self._list, listing)
        for call in reaction.calls:
            tasks.start_soon(self._call, call)
        self._release(reaction.answers)

    async def _stream(self, response: Response) -> None:
        """Send a response event by event. What the client sends meanwhile comes between."""
        stall_after = self._faults.stall_after
        cancelled = self._after("response.cancel" if stall_after else "")
        may_end = self._after(self._faults.done_after)
        for made in response.stream:
            await self._send([made])
            if response.calling:
                response.returned(await _made(response.calling))
            if made["type"] == stall_after:
                await cancelled.wait()
            if made["type"].endswith(".delta"):
                await anyio.sleep(self._pace.delta)
        await may_end.wait()
        await self._send(self._session.finish(response))
        await anyio.sleep(self._pace.rate_limits)
        await self._send([self._session.rate_limits(response)])

    async def _list(self, listing: Listing) -> None:
        await self._send(self._session.listed(listing, await list_tools(listing.config)))

    async def _call(self, call: NativeCall) -> None:
        await self._send(self._session.called(call, await _made(call)))

    async def _send(self, events: Sequence[Event]) -> None:
        # The lock is fair and taken without a pause after the events were made, so that
        # they go out in the order in which they changed the session.
        async with self._sending:
            for made in events:
                with suppress(ConnectionClosed):  # the reader notices, and ends the session
                    await self._socket.send(json.dumps(made, ensure_ascii=False))
                if made["type"] == self._faults.drop_after:
                    self._socket.transport.abort()

    def _after(self, kind: str) -> anyio.Event:
        """Set once the client has sent an event of this type and it was answered; `""`: is set."""
        sent = anyio.Event()
        if kind:
            self._waiting.setdefault(kind, []).append(sent)
        else:
            sent.set()
        return sent

    def _release(self, kind: str) -> None:
        for sent in self._waiting.pop(kind, ()):
            sent.set()
