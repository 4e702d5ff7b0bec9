"""The adapter and the connection together, with the emulator on the other side."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import CallTool, Output, Prompt, Speech
from orchestrator.emulator.server import serve
from orchestrator.errors import ProviderRefused
from orchestrator.flow.commands import AddItem, AnswerCall, Ask, Command, Speak
from orchestrator.flow.definition import Session
from orchestrator.flow.events import AgentSaid, Answered, AnswerEnded, Event, ToolAsked
from orchestrator.realtime.connection import Socket, connect
from orchestrator.realtime.settings import Channel, session_object
from orchestrator.realtime.translate import Realtime, complaint

MODEL = "gpt-realtime-2.1"
BOOK: Json = {"type": "function", "name": "book", "description": "", "parameters": {}}


class Bookings:
    """Speaks and asks for a booking, then confirms its output."""

    def respond(self, prompt: Prompt) -> Sequence[Output]:
        if prompt.items[-1]["type"] == "function_call_output":
            return [Speech("Booked.")]
        return [Speech("One moment."), CallTool("book", '{"guests": 2}')]


def bare(event: Event) -> Event:
    """The event without the id that the service gave, and without what it cost."""
    if isinstance(event, AnswerEnded | Answered):
        assert event.usage
        return replace(event, usage={})
    return replace(event, item="") if isinstance(event, AgentSaid | ToolAsked) else event


class Conversation:
    def __init__(self, connection: Socket) -> None:
        self.connection = connection
        self.adapter = Realtime()
        self.events: list[Event] = []
        self.complaints: list[Json] = []

    async def perform(self, *commands: Command) -> None:
        for command in commands:
            await self.send(self.adapter.perform(command))

    async def send(self, events: Sequence[Json]) -> None:
        for event in events:
            await self.connection.send(event)

    async def until(self, *last: Event) -> None:
        """Listens, and answers each call at once, while its response is still open."""
        async for frame in self.connection:
            self.complaints += [error] if (error := complaint(frame)) else []
            events, sends = self.adapter.receive(frame, 0.0)
            await self.send(sends)
            self.events += map(bare, events)
            for event in events:
                if isinstance(event, ToolAsked):
                    output = AnswerCall("o1", event.call, '{"ok": true}')
                    await self.perform(output, Speak("s.2", "result", 1, "# Goal\nConfirm."))
            if all(event in self.events for event in last):
                return


@pytest.mark.parametrize("channel", ["text", "websocket"])
async def test_a_call_is_answered_and_spoken_about_after_its_response(channel: Channel) -> None:
    settings = session_object(Session(), channel, model=MODEL)
    with anyio.fail_after(20):
        async with (
            serve(Bookings, host="127.0.0.1", port=0) as url,
            connect(url, "key", model=MODEL) as connection,
        ):
            talk = Conversation(connection)
            await talk.send(talk.adapter.start(settings))
            hello = AddItem("u1", "user", "A table for two.")
            await talk.perform(hello, hello, Speak("s.1", "answer", 1, "# Goal\nBook.", (BOOK,)))
            await talk.until(AnswerEnded(0.0, "s.2", "completed"))
    call = next(event for event in talk.events if isinstance(event, ToolAsked))
    assert talk.events == [
        AgentSaid(0.0, "s.1", "One moment."),
        ToolAsked(0.0, "s.1", call.call, "book", '{"guests": 2}'),
        AnswerEnded(0.0, "s.1", "completed"),
        AgentSaid(0.0, "s.2", "Booked."),
        AnswerEnded(0.0, "s.2", "completed"),
    ]
    assert talk.complaints == []


async def test_a_question_is_answered_beside_an_answer_and_leaves_nothing_behind() -> None:
    seen: list[Prompt] = []

    class Both:
        def respond(self, prompt: Prompt) -> Sequence[Output]:
            seen.append(prompt)
            return [Speech("good" if "# Classify" in prompt.instructions else "Well.")]

    both = (Answered(0.0, "ask.1", True, "good"), Answered(0.0, "ask.2", True, "good"))
    with anyio.fail_after(20):
        async with serve(Both) as url, connect(url, "key", model=MODEL) as connection:
            talk = Conversation(connection)
            await talk.send(talk.adapter.start(session_object(Session(), "text", model=MODEL)))
            await talk.perform(
                AddItem("u1", "user", "Hello."),
                Speak("s.1", "answer", 1, "# Goal\nTalk."),
                Ask("ask.1", "classify", "# Classify\nHow?"),
                Ask("ask.2", "guard", "# Classify\nHow?", "Some words."),
            )
            await talk.until(AnswerEnded(0.0, "s.1", "completed"), *both)
            await talk.perform(Speak("s.2", "answer", 1, "# Goal\nTalk."))
            await talk.until(AnswerEnded(0.0, "s.2", "completed"))
    assert [len(prompt.items) for prompt in seen] == [1, 1, 1, 2]
    assert talk.complaints == []


@pytest.mark.parametrize(
    ("key", "model", "code"),
    [("wrong", MODEL, "invalid_api_key"), ("right", "gpt-none", "invalid_model")],
)
async def test_a_wrong_key_and_a_wrong_model_are_refused_for_good(
    key: str, model: str, code: str
) -> None:
    with anyio.fail_after(20):
        async with serve(Bookings, host="127.0.0.1", port=0, key="right") as url:
            with pytest.raises(ProviderRefused) as refused:
                async with connect(url, key, model=model):
                    pass
    assert refused.value.code == code
