"""What the service sends, for tests of the adapter."""

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Ask, Speak

AT = 1_800_000_000.0
TOOL: Json = {"type": "function", "name": "go_book", "description": "Book", "parameters": {}}
SPEAK = Speak("s.1", "goal", 3, "# Goal\nGreet.", (TOOL,))


def created(response: str = "resp_1", speak: str | None = "s.1") -> Json:
    return {"type": "response.created", "response": _response(response, speak, "in_progress")}


def done(
    response: str = "resp_1", speak: str | None = "s.1", status: str = "completed", **more: Json
) -> Json:
    return {"type": "response.done", "response": _response(response, speak, status) | more}


def _response(response: str, speak: str | None, status: str) -> dict[str, Json]:
    metadata = {"id": speak, "epoch": "3", "purpose": "goal"} if speak else None
    return {"id": response, "status": status, "metadata": metadata, "conversation_id": "conv_1"}


def item_done(item: Json, response: str = "resp_1") -> Json:
    return {"type": "response.output_item.done", "response_id": response, "item": item}


def message(text: str, item: str = "item_1", kind: str = "text") -> Json:
    part = {"type": f"output_{'text' if kind == 'text' else 'audio'}", kind: text}
    return {"id": item, "type": "message", "status": "completed", "content": [part]}


def function_call(status: str = "completed", item: str = "item_2") -> Json:
    return {
        "id": item,
        "type": "function_call",
        "status": status,
        "call_id": "call_1",
        "name": "go_book",
        "arguments": '{"n": 2}',
    }


def failure(code: str, event_id: str | None = None) -> Json:
    error = {"type": "invalid_request_error", "code": code, "message": "…", "event_id": event_id}
    return {"type": "error", "error": error}


ASK = Ask("ask.1", "classify", "# Classify\nWhich?")


def aside(text: str, status: str = "completed", ask: str = "ask.1", **more: Json) -> Json:
    """The end of a response out of band."""
    event = done("resp_a", ask, status, output=[message(text, "item_a")] if text else [], **more)
    event["response"]["conversation_id"] = None
    return event
