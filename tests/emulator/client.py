"""Talking to the emulator's session without a socket."""

import json
from base64 import b64encode
from collections.abc import Sequence
from itertools import count
from typing import Any

from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import Output
from orchestrator.emulator.response import Response
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.emulator.session import Session
from orchestrator.emulator.wire import Event

TOOL: dict[str, Any] = {
    "type": "function",
    "name": "book",
    "description": "Book.",
    "parameters": {},
}
ONE_SECOND = b64encode(b"\0" * 48_000).decode()


class Client:
    """Talks to a session without a socket, and streams responses only as far as it is told."""

    def __init__(
        self, *responses: Sequence[Output], text: bool = True, faults: Faults | None = None
    ) -> None:
        numbers = count(1)
        self.model = ScriptedModel(responses)
        self.session = Session(
            self.model,
            name="gpt-realtime-2.1",
            new_id=lambda kind: f"{kind}_{next(numbers)}",
            expires_at=3600,
            faults=faults,
        )
        if text:
            self.send("session.update", session={"type": "realtime", "output_modalities": ["text"]})

    def send(self, kind: str, **fields: Any) -> list[Event]:
        return list(self.session.receive(json.dumps({"type": kind, **fields})).events)

    def one(self, kind: str, **fields: Any) -> Event:
        (event,) = self.send(kind, **fields)
        return event

    def error(self, kind: str, **fields: Any) -> dict[str, Any]:
        event = self.one(kind, **fields)
        assert event["type"] == "error"
        detail: dict[str, Any] = event["error"]
        return detail

    def start(self, **config: Any) -> Response:
        reaction = self.session.receive(json.dumps({"type": "response.create", "response": config}))
        assert [event["type"] for event in reaction.events] == ["response.created"], reaction
        assert reaction.response is not None
        return reaction.response

    def respond(self, **config: Any) -> list[Event]:
        response = self.start(**config)
        return [*response.stream, *self.session.finish(response)]

    def say(self, text: str, **fields: Any) -> list[Event]:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content, **fields.pop("item", {})}
        return self.send("conversation.item.create", item=item, **fields)


def kinds(events: Sequence[Event]) -> list[str]:
    return [event["type"] for event in events]


def until(response: Response, kind: str) -> list[Event]:
    seen: list[Event] = []
    for event in response.stream:
        seen.append(event)
        if event["type"] == kind:
            return seen
    raise AssertionError(f"no {kind} in {kinds(seen)}")
