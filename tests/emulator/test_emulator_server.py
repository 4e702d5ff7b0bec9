"""The emulator on a real socket: acceptance, pace, interleaving, faults and the end."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import CallTool, Output, Speech
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.server import serve

KEY = {"Authorization": "Bearer any"}
QUERY = "?model=gpt-realtime-2.1"


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await self.socket.recv())
        return event

    async def until(self, kind: str) -> list[dict[str, Any]]:
        events = [await self.receive()]
        while events[-1]["type"] != kind:
            events.append(await self.receive())
        return events

    async def closed(self) -> ConnectionClosed:
        with pytest.raises(ConnectionClosed) as closed:
            await self.socket.recv()
        return closed.value


@asynccontextmanager
async def client_of(
    url: str, query: str = QUERY, headers: dict[str, str] = KEY
) -> AsyncGenerator[Client, None]:
    with anyio.fail_after(30):
        async with connect(url + query, additional_headers=headers) as socket:
            yield Client(socket)


@asynccontextmanager
async def session(
    *responses: Sequence[Output], faults: Faults | None = None
) -> AsyncGenerator[Client, None]:
    """A client of a new emulator, in a session that was opened and set to text."""
    model = ScriptedModel(responses)
    async with (
        serve(lambda: model, faults=[faults] if faults else ()) as url,
        client_of(url) as client,
    ):
        await client.until("session.created")
        settings = {"type": "realtime", "output_modalities": ["text"]}
        await client.send("session.update", session=settings)
        await client.until("session.updated")
        yield client


def kinds(events: Sequence[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


# Who is let in


async def test_a_session_is_created_without_being_asked() -> None:
    async with serve(lambda: ScriptedModel([])) as url, client_of(url) as client:
        created = await client.receive()
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "gpt-realtime-2.1"


@pytest.mark.parametrize(
    ("query", "headers", "code", "close"),
    [
        (QUERY, {}, "invalid_api_key", 3000),
        (QUERY, {"Authorization": "Bearer "}, "invalid_api_key", 3000),
        (QUERY, {"Authorization": "Basic any"}, "invalid_api_key", 3000),
        ("", KEY, "missing_model", 4000),
        ("?model=gpt-9", KEY, "invalid_model", 4000),
        ("?call_id=rtc_1", KEY, "not_emulated", 4000),
        (QUERY, {**KEY, "OpenAI-Beta": "realtime=v1"}, "beta_api_shape_disabled", 4000),
    ],
)
async def test_who_is_not_let_in_hears_why_after_the_upgrade(
    query: str, headers: dict[str, str], code: str, close: int
) -> None:
    async with (
        serve(lambda: ScriptedModel([])) as url,
        client_of(url, query, headers) as client,
    ):
        error = await client.receive()
        assert error["type"] == "error" and error["error"]["code"] == code
        closed = await client.closed()
        assert closed.rcvd and closed.rcvd.code == close


async def test_with_a_key_only_that_one_is_good() -> None:
    async with serve(lambda: ScriptedModel([]), key="right") as url:
        async with client_of(url, headers={"Authorization": "Bearer wrong"}) as client:
            assert (await client.receive())["error"]["code"] == "invalid_api_key"
        async with client_of(url, headers={"Authorization": "Bearer right"}) as client:
            assert (await client.receive())["type"] == "session.created"


async def test_other_models_and_the_instructions_of_each_session_are_its_own() -> None:
    async with serve(lambda: ScriptedModel([[Speech("Hi.")]]), models={"my-model"}) as url:
        for _ in range(2):
            async with client_of(url, "?model=my-model") as client:
                await client.send("response.create")
                done = (await client.until("response.done"))[-1]
                assert len(done["response"]["output"]) == 1, "each session has a fresh script"


async def test_there_is_nothing_at_other_paths() -> None:
    async with serve(lambda: ScriptedModel([])) as url:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url.replace("realtime", "live"), additional_headers=KEY)
        assert refused.value.response.status_code == 404


# Streaming


async def test_the_last_event_of_a_response_is_followed_by_the_rate_limits() -> None:
    async with session([Speech("Hello there.")]) as client:
        await client.send("response.create")
        events = await client.until("rate_limits.updated")
        assert kinds(events)[-2:] == ["response.done", "rate_limits.updated"]
        (limit,) = events[-1]["rate_limits"]
        used = events[-2]["response"]["usage"]["total_tokens"]
        assert limit["name"] == "tokens" and limit["limit"] - limit["remaining"] == used


async def test_a_client_can_speak_while_a_response_is_streamed() -> None:
    stalled = Faults(stall_after="response.output_text.delta")
    async with session([Speech("A long story.")], [Speech("Yes?")], faults=stalled) as client:
        await client.send("response.create")
        await client.until("response.output_text.delta")
        content = [{"type": "input_text", "text": "Wait!"}]
        item = {"type": "message", "role": "user", "content": content, "id": "mine"}
        await client.send("conversation.item.create", item=item)
        assert kinds(await client.until("conversation.item.done"))[0] == "conversation.item.added"
        await client.send("response.create", event_id="early")
        error = (await client.until("error"))[-1]["error"]
        assert error["code"] == "conversation_already_has_active_response"
        assert error["event_id"] == "early"

        await client.send("response.cancel")
        tail = await client.until("rate_limits.updated")
        assert tail[-2]["response"]["status"] == "cancelled"
        assert tail[0]["text"] == "A"


async def test_a_binary_frame_is_an_error_and_nothing_worse() -> None:
    async with session([Speech("Still here.")]) as client:
        await client.socket.send(b"\x00\x01")
        assert (await client.receive())["error"]["code"] == "invalid_event"
        await client.send("response.create")
        await client.until("response.done")


async def test_two_sessions_do_not_share_a_conversation() -> None:
    async with (
        serve(lambda: ScriptedModel([[Speech("Hi.")]])) as url,
        client_of(url) as one,
        client_of(url) as other,
    ):
        await one.send("conversation.item.delete", item_id="x")
        await one.until("error")
        await other.send("response.create")
        assert "error" not in kinds(await other.until("response.done"))


# Faults


async def test_response_done_can_come_after_the_output_of_the_call() -> None:
    late = Faults(done_after="conversation.item.create")
    async with session([CallTool("f")], [Speech("Done.")], faults=late) as client:
        await client.send("response.create")
        call = (await client.until("response.output_item.done"))[-1]["item"]
        output = {"type": "function_call_output", "call_id": call["call_id"], "output": "{}"}
        await client.send("conversation.item.create", item=output)
        assert kinds(await client.until("response.done")) == [
            "conversation.item.added",
            "conversation.item.done",
            "response.done",
        ]


async def test_the_socket_can_be_dropped_in_the_middle_of_a_response() -> None:
    dropping = Faults(drop_after="response.output_text.delta")
    model = ScriptedModel([[Speech("Hello there.")], [Speech("Hello again.")]])
    async with serve(lambda: model, faults=[dropping]) as url:
        async with client_of(url) as client:
            await client.send(
                "response.create", response={"output_modalities": ["text"], "conversation": "none"}
            )
            with pytest.raises(ConnectionClosedError) as dropped:
                await client.until("response.done")
            assert dropped.value.rcvd is None, "no close frame"
        async with client_of(url) as client:
            await client.send("response.create")
            await client.until("response.done")


# The end


async def test_a_session_ends_with_its_time() -> None:
    async with serve(lambda: ScriptedModel([]), max_duration=0.05) as url, client_of(url) as client:
        await client.until("session.created")
        closed = await client.closed()
        assert closed.rcvd and closed.rcvd.code == 1001
        assert "maximum duration" in closed.rcvd.reason


async def test_leaving_closes_every_session() -> None:
    with anyio.fail_after(30):
        async with serve(lambda: ScriptedModel([])) as url:
            socket = await connect(url + QUERY, additional_headers=KEY)
            client = Client(socket)
            await client.until("session.created")
        assert (await client.closed()).rcvd
