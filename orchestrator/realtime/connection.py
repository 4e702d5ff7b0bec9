"""The WebSocket of one Realtime session: JSON events in both directions.

To be connected is not to be accepted: the service upgrades the socket first and refuses
afterwards, in an `error` event. `connect` returns once the session is accepted.
The key goes into one header, and into no message, representation or log.
"""

import json
import logging
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Self
from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

import anyio
from websockets.asyncio import client
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from orchestrator.dispatch.call import Json
from orchestrator.errors import ProtocolError, ProviderRefused, ServiceError, UsageError
from orchestrator.realtime.objects import ErrorDetail, is_object
from orchestrator.realtime.protocol import Error, parse_server

__all__ = ["OPENAI", "RECOVERABLE_CLOSES", "Socket", "connect", "endpoint"]

OPENAI = "wss://api.openai.com/v1/realtime"

RECOVERABLE_CLOSES = frozenset({1000, 1001, 1005, 1006, 1011, 1012, 1013, 1015})
"""Close codes that a new session may follow. 1001 also ends a session that is too old."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
_LOCAL = ("localhost", "127.0.0.1", "::1")
_MAX_FRAME = 32 * 1024 * 1024  # an item that is retrieved comes with all its audio
_CLOSE_TIMEOUT = 2.0

# At the level DEBUG the library would log the header that holds the key.
_log = logging.getLogger(__name__)
_log.setLevel(logging.INFO)


class Socket:
    """An accepted session. Iterating yields the service's events, `session.created` first.

    The iteration ends with the session where a new session may follow (`closed` tells
    why it ended), and raises `ProviderRefused` where none may and `ProtocolError` at what
    is no event.
    """

    def __init__(self, socket: client.ClientConnection, created: Mapping[str, Json]) -> None:
        self._socket = socket
        self._unread: Mapping[str, Json] | None = created

    @property
    def closed(self) -> str:
        """Close code and reason; empty while the session lives."""
        code = self._socket.close_code
        return "" if code is None else f"{code} {self._socket.close_reason or ''}".rstrip()

    async def send(self, event: Mapping[str, Json]) -> None:
        """What is sent after the end is lost: the iteration tells of the end, and why."""
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps(event, separators=(",", ":")))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Mapping[str, Json]:
        if self._unread is not None:
            event, self._unread = self._unread, None
            return event
        try:
            event = _decode(await self._socket.recv())
        except ConnectionClosed:
            _check_close(self._socket)
            raise StopAsyncIteration from None
        if event.get("type") == "error":
            _check_error(event)
        return event

    async def aclose(self) -> None:
        """End the session; soon, even if the service does not answer."""
        with anyio.CancelScope(shield=True):
            await self._socket.close()


class _Opening(client.connect):
    """Follows no redirect: the key is for the address that it was given for."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


@asynccontextmanager
async def connect(
    base: str,
    key: str,
    *,
    model: str | None = None,
    call_id: str | None = None,
    open_timeout: float = 10.0,
) -> AsyncGenerator[Socket, None]:
    """An accepted session, closed on the way out.

    `open_timeout` is in seconds, for the connection and again for the acceptance. Raises
    `ProviderRefused` where trying again cannot help, `ServiceError` where the service
    cannot be reached or does not accept now, `ProtocolError` where what answers does not
    speak the protocol, and `UsageError` for a wrong address or key.
    """
    url = endpoint(base, model=model, call_id=call_id)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise UsageError("The key of the Realtime service has characters that no key has.")
    with _limit(url, open_timeout):
        socket = await _open(url, key)
    try:
        with _limit(url, open_timeout):
            session = Socket(socket, await _accepted(socket, url))
        yield session
    finally:
        with anyio.CancelScope(shield=True):
            await socket.close()


def endpoint(base: str, *, model: str | None = None, call_id: str | None = None) -> str:
    """The address of a session: a new one of `model`, or the one that carries call `call_id`.

    `base` is an http(s) or ws(s) address, with or without `/realtime` at its end. Raises
    `UsageError`.
    """
    parts = _parts(base)
    path = parts.path.rstrip("/").removesuffix("/realtime") + "/realtime"
    asked = urlencode({"call_id": call_id} if call_id else {"model": model} if model else {})
    query = "&".join(part for part in (parts.query, asked) if part)
    return urlunsplit((_SCHEMES[parts.scheme], parts.netloc, path, query, ""))


def _parts(base: str) -> SplitResult:
    with suppress(ValueError):  # a port that is no number
        parts = urlsplit(base)
        if parts.scheme in _SCHEMES and parts.hostname and parts.port != 0:
            return parts
    raise UsageError(f"{base!r} is no address of a Realtime service; {OPENAI} is one.")


async def _open(url: str, key: str) -> client.ClientConnection:
    local = urlsplit(url).hostname in _LOCAL
    try:
        return await _Opening(
            url,
            additional_headers={"Authorization": f"Bearer {key}"},
            compression=None,  # it costs 15 times the CPU on audio, and gains nothing
            max_size=_MAX_FRAME,
            open_timeout=None,
            close_timeout=_CLOSE_TIMEOUT,
            proxy=None if local else True,
            logger=_log,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        message = f"The Realtime service at {_place(url)} answered with HTTP {status}."
        if 400 <= status < 500 and status not in (408, 429):
            raise ProviderRefused(f"http_{status}", message) from None
        raise ServiceError(message) from None
    except (OSError, InvalidHandshake, WebSocketException) as error:
        raise ServiceError(f"Cannot reach the Realtime service at {_place(url)}: {error}") from None


async def _accepted(socket: client.ClientConnection, url: str) -> Mapping[str, Json]:
    """The `session.created` that tells that we are in."""
    try:
        while True:
            event = _decode(await socket.recv())
            if event.get("type") == "session.created":
                return event
            if event.get("type") == "error":
                error = _check_error(event)
                raise ServiceError(f"The Realtime service opened no session: {error.message}")
    except ConnectionClosed:
        _check_close(socket)
    reason = f"{socket.close_code} {socket.close_reason or ''}".rstrip()
    raise ServiceError(f"The Realtime service at {_place(url)} hung up at once ({reason}).")


@contextmanager
def _limit(url: str, seconds: float) -> Generator[None, None, None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        message = f"The Realtime service at {_place(url)} did not accept a session in time."
        raise ServiceError(message) from None


def _decode(frame: str | bytes) -> Mapping[str, Json]:
    if isinstance(frame, bytes):
        raise ProtocolError("The Realtime service sent a binary frame; events are text.")
    try:
        event: Json = json.loads(frame)
    except ValueError as error:
        raise ProtocolError(f"The Realtime service sent what is not JSON: {error}") from None
    if not is_object(event):
        raise ProtocolError("The Realtime service sent JSON that is not an object.")
    return event


def _check_error(event: Mapping[str, Json]) -> ErrorDetail:
    """The error, unless it is one after which there is no hope: then `ProviderRefused`."""
    parsed = parse_server(event)
    assert isinstance(parsed, Error)
    error = parsed.error
    if not error.fatal:
        return error
    # Here the service repeats parts of the key.
    message = "it does not know the key." if error.code == "invalid_api_key" else error.message
    raise ProviderRefused(
        error.code or error.type or "", f"The Realtime service refused: {message}"
    )


def _check_close(socket: client.ClientConnection) -> None:
    code, reason = socket.close_code, socket.close_reason
    if code is not None and code not in RECOVERABLE_CLOSES:
        message = f"The Realtime service ended the session for good ({code} {reason or ''})."
        raise ProviderRefused(str(code), message)


def _place(url: str) -> str:
    """Scheme and host, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
