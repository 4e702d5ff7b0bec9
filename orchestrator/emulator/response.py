"""One response on its way out: the order of its events, and how it ends early. Pure.

    response.created                                      by the session, at once
      response.output_item.added                          for each item
      conversation.item.added                             in the default conversation only
        response.content_part.added                       messages
        response.output_text.delta …  .done               or transcript and audio
        response.content_part.done
        response.function_call_arguments.delta …  .done   calls
        response.mcp_call_arguments.delta …  .done        calls that the service makes itself
        response.mcp_call.in_progress                     whoever streams makes the call here
        response.mcp_call.completed                       or `failed`
      conversation.item.done
      response.output_item.done                           from here on a call may be acted on
    response.done                                         `finish`, once
    rate_limits.updated                                   by the session, later

Whoever streams takes one event after another from `stream`. After `cut` nothing more is
said: what is left of the stream closes what is open. After a call that the service made itself
the model goes on in the same response; a call that the client has to approve ends it.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from orchestrator.dispatch.call import Json
from orchestrator.emulator.configuration import Configuration
from orchestrator.emulator.conversation import Conversation, Item
from orchestrator.emulator.faults import Faults
from orchestrator.emulator.model import CallTool, Fail, Output, Prompt, Speech
from orchestrator.emulator.servers import NativeCall, Outcome, Target
from orchestrator.emulator.sound import Sound, silence
from orchestrator.emulator.usage import text_tokens, usage
from orchestrator.emulator.wire import Event, NewId, event

__all__ = ["Request", "Response"]

MOST_ROUNDS = 6
"""Times that the model goes on in one response after calls that the service made."""

UNANSWERED: Mapping[str, Json] = {
    "type": "tool_execution_error",
    "message": "The call was cut off.",
}

End: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Request:
    """What a response is made from. `conversation` is None out of band.

    `sounds` are the session's, by item id; the response adds its own.
    """

    prompt: Prompt
    settings: Configuration
    conversation: Conversation | None
    sounds: dict[str, Sound]
    targets: Mapping[str, Target] = field(default_factory=dict[str, Target])


class Response:
    """`again` asks the model once more, with what it has seen since; `make` gives the call that
    is to be made of a target, an item and arguments."""

    def __init__(
        self,
        request: Request,
        outputs: Sequence[Output],
        new_id: NewId,
        faults: Faults,
        again: Callable[[], Sequence[Output]] = tuple,
        make: Callable[[Target, str, str], NativeCall | None] = lambda target, item, text: None,
    ) -> None:
        self._again = again
        self._make = make
        self.calling: NativeCall | None = None  # to be made before the stream goes on
        self._returned = Outcome(error=UNANSWERED)
        self.id = new_id("resp")
        self.stream = self._stream(outputs)
        self.finished = False
        self.has_spoken = False  # aloud
        self._request = request
        self._conversation = request.conversation
        self._settings = request.settings
        self._new_id = new_id
        self._faults = faults
        self._output: list[Item] = []
        self._end: tuple[End, Mapping[str, Json]] | None = None
        self._usage: Json = None

    @property
    def total_tokens(self) -> int:
        """What it used, once finished."""
        return self._usage["total_tokens"] if self._usage else 0

    def returned(self, outcome: Outcome) -> None:
        """What came of the call that was to be made."""
        self.calling, self._returned = None, outcome

    def created(self) -> Event:
        return self._event("response.created", response=self._body("in_progress", None))

    def cut(self, reason: Literal["client_cancelled", "turn_detected"]) -> None:
        self._stop("cancelled", reason=reason)

    def finish(self) -> Event | None:
        """`response.done`, or None when that was made already."""
        if self.finished:
            return None
        self.finished = True
        status, details = self._end or ("completed", None)
        self._usage = usage(self._request.prompt, self._output, self._request.sounds)
        return self._event("response.done", response=self._body(status, details))

    def _body(self, status: str, details: Mapping[str, Json] | None) -> Json:
        conversation = self._conversation
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details and {"type": status, **details},
            "output": list(self._output),
            "conversation_id": conversation.id if conversation else None,
            "output_modalities": self._settings["output_modalities"],
            "max_output_tokens": self._settings["max_output_tokens"],
            "audio": self._settings["audio"],
            "usage": self._usage,
            "metadata": self._settings["metadata"],
        }

    def _stream(self, outputs: Sequence[Output]) -> Iterator[Event]:
        for _ in range(MOST_ROUNDS):
            made = len(self._output)
            yield from self._one_by_one(outputs)
            kinds = {item["type"] for item in self._output[made:]}
            if self._end or not self._conversation or "mcp_call" not in kinds:
                return
            if kinds & {"mcp_approval_request", "function_call"}:
                return
            outputs = self._again()

    def _one_by_one(self, outputs: Sequence[Output]) -> Iterator[Event]:
        for output in outputs:
            if self._end:
                return
            match output:
                case Speech():
                    yield from self._speak(output.text)
                case CallTool(name=name) if target := self._request.targets.get(name):
                    yield from self._native(output, target)
                case CallTool():
                    yield from self._call(output)
                case Fail():
                    self._fail(output)
                case _:
                    assert_never(output)

    def _stop(self, status: End, **details: Json) -> None:
        if self._end is None:
            self._end = (status, details)

    def _fail(self, fail: Fail) -> None:
        if fail.status == "incomplete":
            known = fail.code in ("max_output_tokens", "content_filter")
            self._stop("incomplete", reason=fail.code if known else "max_output_tokens")
            return
        message = "The emulator was told to let this response fail."
        self._stop("failed", error={"type": fail.code, "code": fail.code, "message": message})

    def _speak(self, text: str) -> Iterator[Event]:
        item = self._item(type="message", role="assistant", content=[])
        yield from self._open(item)
        voice = self._aloud if self._settings["output_modalities"] == ["audio"] else self._in_text
        yield from voice(text, item)

    def _in_text(self, text: str, item: Item) -> Iterator[Event]:
        where = {**self._where(item), "content_index": 0}
        part = {"type": "text", "text": ""}
        yield self._event("response.content_part.added", **where, part=part)
        said = ""
        for piece in self._pieces(text):
            said += piece
            yield self._event("response.output_text.delta", **where, delta=piece)
        part = {"type": "text", "text": said}
        yield self._event("response.output_text.done", **where, text=said)
        yield self._event("response.content_part.done", **where, part=part)
        yield from self._close({**item, "content": [{"type": "output_text", "text": said}]})

    def _aloud(self, text: str, item: Item) -> Iterator[Event]:
        where = {**self._where(item), "content_index": 0}
        part = {"type": "audio", "transcript": ""}
        yield self._event("response.content_part.added", **where, part=part)
        said = ""
        for piece in self._pieces(text):
            said += piece
            yield self._event("response.output_audio_transcript.delta", **where, delta=piece)
            if self._end:
                break
            audio = self._sound(piece, item)
            yield self._event("response.output_audio.delta", **where, delta=audio)
        part = {"type": "audio", "transcript": said}
        yield self._event("response.output_audio.done", **where)
        yield self._event("response.output_audio_transcript.done", **where, transcript=said)
        yield self._event("response.content_part.done", **where, part=part)
        yield from self._close({**item, "content": [{"type": "output_audio", "transcript": said}]})

    def _sound(self, piece: str, item: Item) -> str:
        sound, sounds = (
            silence(piece, self._settings["audio"]["output"]["format"]),
            self._request.sounds,
        )
        before = sounds.get(item["id"])
        sounds[item["id"]] = before + sound if before else sound
        self.has_spoken = True
        return b64encode(sound.data).decode()

    def _pieces(self, text: str) -> Iterator[str]:
        """Word by word, until the response is cut or reaches its limit of tokens."""
        most, said = self._settings["max_output_tokens"], ""
        for piece in re.findall(r"\s*\S+\s*\Z|\s*\S+|\s+", text):
            said += piece
            if most != "inf" and text_tokens(said) > most:
                self._stop("incomplete", reason="max_output_tokens")
            if self._end:
                return
            yield piece

    def _call(self, call: CallTool) -> Iterator[Event]:
        call_id = self._new_id("call")
        item = self._item(type="function_call", name=call.name, call_id=call_id, arguments="")
        yield from self._open(item)
        where = {**self._where(item), "call_id": call_id}
        said = ""
        for piece in _halves(call.arguments):
            if self._end:
                break
            said += piece
            yield self._event("response.function_call_arguments.delta", **where, delta=piece)
            if self._faults.incomplete_calls:
                self._stop("incomplete", reason="max_output_tokens")
        yield self._event(
            "response.function_call_arguments.done", **where, name=call.name, arguments=said
        )
        yield from self._close({**item, "arguments": said})
        if self._faults.duplicate_calls:
            yield self._output_done(self._output[-1])

    def _native(self, call: CallTool, target: Target) -> Iterator[Event]:
        named = {"server_label": target.label, "name": target.tool}
        kind = "mcp_approval_request" if target.ask else "mcp_call"
        item = {**self._item("mcpr" if target.ask else "mcp", type=kind), **named, "arguments": ""}
        yield from self._open(item)
        said = ""
        for piece in _halves(call.arguments):
            if self._end:
                break
            said += piece
            where = self._where(item)
            yield self._event("response.mcp_call_arguments.delta", **where, delta=piece)
        yield self._event("response.mcp_call_arguments.done", **self._where(item), arguments=said)
        item = {**item, "arguments": said}
        if target.ask or self._end:
            yield from self._close(item)
        else:
            yield from self._make_call(item, target)

    def _make_call(self, item: Item, target: Target) -> Iterator[Event]:
        where = {"item_id": item["id"], "output_index": len(self._output)}
        self._returned = Outcome(error=UNANSWERED)
        self.calling = self._make(target, item["id"], item["arguments"])
        yield self._event("response.mcp_call.in_progress", **where)
        outcome = self._returned
        how = "failed" if outcome.error else "completed"
        yield self._event(f"response.mcp_call.{how}", **where)
        yield from self._close({**item, "output": outcome.output, "error": outcome.error})

    def _item(self, prefix: str = "item", **fields: Json) -> Item:
        item_id = self._new_id(prefix)
        return {"id": item_id, "object": "realtime.item", "status": "in_progress", **fields}

    def _open(self, item: Item) -> Iterator[Event]:
        kind, index = "response.output_item.added", len(self._output)
        yield self._event(kind, response_id=self.id, output_index=index, item=item)
        if self._conversation:
            previous = self._conversation.insert(item)
            yield self._event("conversation.item.added", previous_item_id=previous, item=item)

    def _close(self, item: Item) -> Iterator[Event]:
        item = {**item, "status": "incomplete" if self._end else "completed"}
        self._output.append(item)
        if self._conversation:
            self._conversation.replace(item)
            previous = self._conversation.before(item["id"])
            yield self._event("conversation.item.done", previous_item_id=previous, item=item)
        yield self._output_done(item)

    def _output_done(self, item: Item) -> Event:
        kind, index = "response.output_item.done", len(self._output) - 1
        return self._event(kind, response_id=self.id, output_index=index, item=item)

    def _where(self, item: Item) -> dict[str, Json]:
        return {"response_id": self.id, "item_id": item["id"], "output_index": len(self._output)}

    def _event(self, kind: str, **fields: Json) -> Event:
        return event(self._new_id, kind, **fields)


def _halves(text: str) -> tuple[str, str]:
    middle = (len(text) + 1) // 2
    return text[:middle], text[middle:]
