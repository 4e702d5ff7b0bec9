"""The connection against a real WebSocket server in this process."""

import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from orchestrator.dispatch.call import Json
from orchestrator.errors import ProtocolError, ProviderRefused, ServiceError, UsageError
from orchestrator.interfaces import Connection
from orchestrator.realtime.connection import OPENAI, connect, endpoint

KEY = "sk-canary-0123456789"
CREATED: Json = {"type": "session.created", "event_id": "e", "session": {"id": "sess_1"}}

Script = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def service(script: Script, answer: Response | None = None) -> AsyncGenerator[str, None]:
    """A service that follows the script, or answers without an upgrade; its address."""

    def process_request(_socket: ServerConnection, _request: Request) -> Response | None:
        return answer

    with anyio.fail_after(20):
        async with serve(script, "127.0.0.1", 0, process_request=process_request) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            yield f"http://127.0.0.1:{port}/v1"


def script(*events: Json, close: int | None = None, reason: str = "") -> Script:
    """Says these events, then hangs up with `close`, or waits for the client to do so."""

    async def follow(socket: ServerConnection) -> None:
        for event in events:
            await socket.send(event if isinstance(event, str | bytes) else json.dumps(event))
        if close is None:
            await socket.wait_closed()
        else:
            await socket.close(close, reason)

    return follow


def failure(code: str | None, kind: str = "invalid_request_error") -> Json:
    return {"type": "error", "error": {"type": kind, "code": code, "message": "Wrong."}}


async def everything(base: str) -> list[Json]:
    async with connect(base, KEY, model="m") as connection:
        return [event async for event in connection]


async def test_a_session_is_accepted_before_it_is_given() -> None:
    async with service(script(CREATED)) as base, connect(base, KEY, model="m") as connection:
        typed: Connection = connection
        async for event in typed:
            assert event == CREATED
            break
        assert connection.closed == ""


async def test_the_key_goes_into_one_header_and_the_model_into_the_address() -> None:
    requests: list[Request] = []

    async def keep(socket: ServerConnection) -> None:
        assert socket.request is not None
        requests.append(socket.request)
        await script(CREATED)(socket)

    async with service(keep) as base, connect(base, KEY, model="gpt-realtime-2.1"):
        pass
    (request,) = requests
    assert request.path == "/v1/realtime?model=gpt-realtime-2.1"
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert "OpenAI-Beta" not in request.headers
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_events_travel_as_text_in_both_directions() -> None:
    async def echo(socket: ServerConnection) -> None:
        await socket.send(json.dumps(CREATED))
        frame = await socket.recv()
        assert isinstance(frame, str)
        await socket.send(frame)
        await socket.close()

    event: Json = {"type": "response.create", "response": {"instructions": "Grüße"}}
    async with service(echo) as base, connect(base, KEY, model="m") as connection:
        await connection.send(event)
        assert [event async for event in connection] == [CREATED, event]


async def test_events_may_be_larger_than_a_megabyte() -> None:
    large = {"type": "conversation.item.retrieved", "audio": "A" * 3_000_000}
    async with service(script(CREATED, large, close=1000)) as base:
        assert await everything(base) == [CREATED, large]


@pytest.mark.parametrize(
    ("code", "close"), [("invalid_api_key", 3000), ("missing_model", 4000), ("invalid_model", 4000)]
)
async def test_a_refusal_after_the_upgrade_is_for_good(code: str, close: int) -> None:
    async with service(script(failure(code), close=close)) as base:
        with pytest.raises(ProviderRefused) as refused:
            await everything(base)
    assert refused.value.code == code


async def test_a_session_that_is_accepted_may_still_be_refused_for_good() -> None:
    events = (CREATED, failure(None, "insufficient_quota"))
    async with service(script(*events)) as base:
        with pytest.raises(ProviderRefused) as refused:
            await everything(base)
    assert refused.value.code == "insufficient_quota"


async def test_other_errors_of_a_session_are_events() -> None:
    error = failure("invalid_value")
    async with service(script(CREATED, error, close=1000)) as base:
        assert await everything(base) == [CREATED, error]


async def test_an_error_instead_of_a_session_may_pass() -> None:
    async with service(script(failure("server_error"))) as base:
        with pytest.raises(ServiceError, match=r"opened no session: Wrong\."):
            await everything(base)


@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
async def test_a_session_that_ends_may_be_followed_by_another(code: int) -> None:
    reason = "Your session hit the maximum duration."
    async with (
        service(script(CREATED, close=code, reason=reason)) as base,
        connect(base, KEY, model="m") as connection,
    ):
        assert [event async for event in connection] == [CREATED]
        assert connection.closed == f"{code} {reason}"


@pytest.mark.parametrize("code", [1008, 3000, 4000])
async def test_a_session_that_is_closed_for_good_raises(code: int) -> None:
    async with service(script(CREATED, close=code, reason="policy")) as base:
        with pytest.raises(ProviderRefused, match="policy") as refused:
            await everything(base)
    assert refused.value.code == str(code)


async def test_a_connection_that_breaks_off_ends_the_session() -> None:
    async def vanish(socket: ServerConnection) -> None:
        await socket.send(json.dumps(CREATED))
        socket.transport.abort()

    async with service(vanish) as base, connect(base, KEY, model="m") as connection:
        assert [event async for event in connection] == [CREATED]
        assert connection.closed == "1006"
        await connection.send({"type": "response.cancel"})


async def test_a_service_that_hangs_up_at_once_may_be_tried_again() -> None:
    async with service(script(close=1013, reason="busy")) as base:
        with pytest.raises(ServiceError, match=r"hung up at once \(1013 busy\)"):
            await everything(base)


async def test_a_service_that_never_accepts_is_left() -> None:
    async with service(script()) as base:
        with pytest.raises(ServiceError, match="did not accept a session in time"):
            async with connect(base, KEY, model="m", open_timeout=0.05):
                pass


@pytest.mark.parametrize("frame", [b"{}", "{", "[]"])
async def test_what_is_no_event_is_the_services_fault(frame: str | bytes) -> None:
    async with service(script(CREATED, frame)) as base:
        with pytest.raises(ProtocolError, match="The Realtime service sent"):
            await everything(base)


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, ProviderRefused), (404, ProviderRefused), (429, ServiceError), (503, ServiceError)],
)
async def test_an_answer_without_an_upgrade_says_whether_to_try_again(
    status: int, error: type[Exception]
) -> None:
    async with service(script(), Response(status, "No", Headers())) as base:
        with pytest.raises(ServiceError, match=f"HTTP {status}") as raised:
            await everything(base)
    assert type(raised.value) is error


async def test_a_redirect_is_not_followed() -> None:
    """It could lead the key to anyone."""
    reached: list[str] = []

    async def note(socket: ServerConnection) -> None:
        assert socket.request is not None
        reached.append(socket.request.path)

    async with service(note) as other:
        moved = Response(307, "Moved", Headers(Location=other.replace("http", "ws")))
        async with service(note, moved) as base:
            with pytest.raises(ServiceError, match="HTTP 307"):
                await everything(base)
    assert reached == []


async def test_a_service_that_is_not_there_is_named() -> None:
    async with service(script()) as base:
        pass
    with pytest.raises(ServiceError, match=r"Cannot reach the Realtime service at ws://127\.0"):
        await everything(base)


async def test_the_key_is_in_no_message_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    error = failure("invalid_api_key")
    error["error"]["message"] = f"Incorrect API key provided: {KEY}."
    async with service(script(error, close=3000)) as base:
        with pytest.raises(ProviderRefused, match="does not know the key") as refused:
            await everything(base)
    client = [
        record.getMessage() for record in caplog.records if record.name != "websockets.server"
    ]
    assert KEY not in f"{refused.value!r} {client}"


async def test_a_key_that_cannot_be_one_is_not_sent_or_shown() -> None:
    with pytest.raises(UsageError) as raised:
        async with connect(OPENAI, f"{KEY}\n", model="m"):
            pass
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        (OPENAI, f"{OPENAI}?model=m"),
        ("https://api.openai.com/v1", f"{OPENAI}?model=m"),
        ("http://127.0.0.1:8000/v1/realtime/", "ws://127.0.0.1:8000/v1/realtime?model=m"),
        ("ws://[::1]:80", "ws://[::1]:80/realtime?model=m"),
        ("wss://host/openai/v1?api=1", "wss://host/openai/v1/realtime?api=1&model=m"),
    ],
)
def test_the_base_may_be_any_address_of_the_service(base: str, url: str) -> None:
    assert endpoint(base, model="m") == url


def test_a_call_is_joined_by_its_id() -> None:
    assert endpoint(OPENAI, model="m", call_id="rtc_1") == f"{OPENAI}?call_id=rtc_1"


@pytest.mark.parametrize("base", ["", "api.openai.com/v1", "ftp://host", "ws://host:port"])
def test_what_is_no_address_is_said_so(base: str) -> None:
    with pytest.raises(UsageError, match="no address of a Realtime service"):
        endpoint(base, model="m")
