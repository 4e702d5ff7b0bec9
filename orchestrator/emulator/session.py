"""The service's side of one session: a client event in, server events out. Pure.

`receive` says what is to be sent now and which response, if any, is to be streamed then.
While that goes on more events may be received: they see the state that the streamed
events have left. One response at a time may write to the default conversation; any
number may run out of band.
"""

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from orchestrator.dispatch.call import Json
from orchestrator.emulator.configuration import Configuration, for_response, initial, updated
from orchestrator.emulator.conversation import Conversation, Item, completed
from orchestrator.emulator.faults import Faults
from orchestrator.emulator.hosted import Hosted, added
from orchestrator.emulator.model import Fail, Model, Output, Prompt
from orchestrator.emulator.response import Request, Response
from orchestrator.emulator.servers import Listing, NativeCall, Outcome, Servers, shown
from orchestrator.emulator.sound import Sound
from orchestrator.emulator.wire import Event, NewId, Rejected, event, not_emulated
from orchestrator.realtime import protocol

__all__ = ["Reaction", "Session"]

SHORTEST_COMMIT_MS = 100
TOKENS_PER_MINUTE = 1_000_000

_Data: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Reaction:
    """Events to send now, in order, and the response to stream after them.

    `answers` is the type of the client's event, if it was understood. `listings` and `calls`
    are servers to list and calls to make meanwhile; `listed` and `called` take what comes of it.
    """

    events: Sequence[Event] = ()
    response: Response | None = None
    answers: str = ""
    listings: Sequence[Listing] = ()
    calls: Sequence[NativeCall] = ()


class Session:
    """`expires_at` is in seconds since the epoch; nothing here looks at a clock."""

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        new_id: NewId,
        expires_at: int,
        faults: Faults | None = None,
    ) -> None:
        self._model = model
        self._new_id = new_id
        self._faults = faults or Faults()
        self._config: Configuration = initial(new_id("sess"), name, expires_at)
        self._conversation = Conversation(new_id("conv"))
        self._servers = Servers()
        self._hosted = Hosted(self._servers, self._conversation, new_id)
        self._running: dict[str, Response] = {}
        self._active: Response | None = None  # the one that writes to the conversation
        self._responses = 0
        self._has_spoken = False
        self._sounds: dict[str, Sound] = {}  # by item id
        self._heard = bytearray()  # the input audio buffer
        self._said_no_vad = False

    def opening(self) -> Event:
        return self._event("session.created", session=self._config)

    def receive(self, frame: str | bytes) -> Reaction:
        """Take one frame of the client's. What is wrong with it is answered, never raised."""
        try:
            data = _decoded(frame)
        except Rejected as no:
            return Reaction([self._error(no.code, no.message)])
        parsed = protocol.parse_client(data)
        if isinstance(parsed, protocol.Invalid):
            return Reaction(
                [self._error(parsed.code, parsed.message, parsed.param, parsed.event_id)]
            )
        try:
            reaction = self._react(parsed, data)
        except Rejected as no:
            reaction = Reaction([self._error(no.code, no.message, no.param, parsed.event_id)])
        return replace(reaction, answers=parsed.type)

    def finish(self, response: Response) -> Sequence[Event]:
        """End a response whose stream is exhausted; nothing if it has ended already."""
        done = response.finish()
        if done is None:
            return ()
        self._running.pop(response.id)
        self._has_spoken |= response.has_spoken
        if self._active is response:
            self._active = None
        return [done]

    def rate_limits(self, response: Response) -> Event:
        """What follows a finished response. The emulator itself limits nothing."""
        left = max(0, TOKENS_PER_MINUTE - response.total_tokens)
        limit = {"name": "tokens", "limit": TOKENS_PER_MINUTE, "remaining": left}
        seconds = 60 * (TOKENS_PER_MINUTE - left) / TOKENS_PER_MINUTE
        return self._event("rate_limits.updated", rate_limits=[{**limit, "reset_seconds": seconds}])

    def _react(self, parsed: protocol.ClientEvent, data: _Data) -> Reaction:
        match parsed:
            case protocol.ResponseCreate():
                return self._create_response(data.get("response") or {})
            case protocol.ResponseCancel(response_id=response_id):
                return Reaction(self._cancel(response_id))
            case protocol.SessionUpdate():
                return self._update(data["session"])
            case protocol.ItemCreate(previous_item_id=after):
                return self._create_item(data["item"], after)
            case protocol.OutputClear():
                message = "There is no output audio buffer in a WebSocket session."
                raise Rejected("invalid_event", message, "type")
            case _:
                return Reaction(self._act(parsed))

    def _act(self, parsed: protocol.ClientEvent) -> Sequence[Event]:
        match parsed:
            case protocol.ItemRetrieve(item_id=item_id):
                return self._retrieve(item_id)
            case protocol.ItemDelete(item_id=item_id):
                return self._delete(item_id)
            case protocol.ItemTruncate():
                return self._truncate(parsed)
            case protocol.InputAppend(audio=audio):
                return self._append(audio)
            case protocol.InputCommit():
                return self._commit()
            case protocol.InputClear():
                self._heard.clear()
                return [self._event("input_audio_buffer.cleared")]
            case _:
                raise not_emulated(f"'{parsed.type}'", "type")

    # Responses

    def _create_response(self, wanted: _Data) -> Reaction:
        in_band = wanted.get("conversation") != "none"
        if in_band and self._active:
            raise Rejected(
                "conversation_already_has_active_response",
                "Conversation already has an active response in progress: "
                f"{self._active.id}. Wait until it is finished before creating another one.",
            )
        request = self._request(wanted, in_band)
        response = Response(
            request,
            self._outputs(request),
            self._new_id,
            self._faults,
            lambda: self._model.respond(replace(request.prompt, items=self._context())),
            self._hosted.call_of,
        )
        self._running[response.id] = response
        if in_band:
            self._active = response
        return Reaction([response.created()], response)

    def _request(self, wanted: _Data, in_band: bool) -> Request:
        settings = for_response(self._config, wanted, has_spoken=self._voice_is_heard())
        given = wanted.get("input")
        items = self._context() if given is None else self._given(given)
        self._servers.take(wanted.get("tools", []), "response")
        offered = self._servers.offered(settings["tools"])
        prompt = Prompt(
            settings["instructions"] or "", offered.functions, settings["tool_choice"], items
        )
        conversation = self._conversation if in_band else None
        return Request(prompt, settings, conversation, self._sounds, offered.targets)

    def _outputs(self, request: Request) -> Sequence[Output]:
        self._responses += 1
        if self._responses <= self._faults.fail_responses:
            return [Fail()]
        return self._model.respond(request.prompt)

    def _context(self) -> Sequence[Item]:
        return [item for item in self._conversation.items if item["status"] != "in_progress"]

    def _given(self, given: Sequence[Item]) -> Sequence[Item]:
        return [
            self._conversation.find(item["id"], "reference")
            if item["type"] == "item_reference"
            else completed(item, self._new_id, f"response.input[{index}]")
            for index, item in enumerate(given)
        ]

    def _cancel(self, response_id: str | None) -> Sequence[Event]:
        response = self._running.get(response_id) if response_id else self._active
        if response is None:
            raise Rejected(
                "response_cancel_not_active", "Cancellation failed: no active response found"
            )
        response.cut("client_cancelled")
        return [*response.stream, *self.finish(response)]

    # Configuration and items

    def _update(self, update: _Data) -> Reaction:
        config = updated(self._config, update, has_spoken=self._voice_is_heard())
        fresh = self._servers.take(update.get("tools", []), "session")
        self._config = {**config, "tools": shown(config["tools"])}
        events, listings = self._hosted.listing(fresh)
        told = self._event("session.updated", session=self._config)
        return Reaction([told, *events], listings=listings)

    def _voice_is_heard(self) -> bool:
        return self._has_spoken or any(r.has_spoken for r in self._running.values())

    def _create_item(self, wanted: Item, after: str | None) -> Reaction:
        item = completed(wanted, self._new_id)
        if item["type"] == "mcp_approval_response":
            events, calls = self._hosted.approve(item, after)
            return Reaction(events, calls=calls)
        if item["type"] == "function_call_output" and not self._conversation.has_call(
            item["call_id"]
        ):
            message = f"Tool call ID '{item['call_id']}' not found in conversation."
            raise Rejected("invalid_tool_call_id", message)
        return Reaction(self._added(item, self._conversation.insert(item, after)))

    def _added(self, item: Item, previous: str | None) -> Sequence[Event]:
        return added(self._new_id, item, previous)

    def _retrieve(self, item_id: str) -> Sequence[Event]:
        item = self._conversation.find(item_id, "retrieve")
        sound = self._sounds.get(item_id)
        if sound and item["content"]:  # an item that is being made has none yet
            part = {**item["content"][0], "audio": b64encode(sound.data).decode()}
            item = {**item, "content": [part]}
        return [self._event("conversation.item.retrieved", item=item)]

    def _delete(self, item_id: str) -> Sequence[Event]:
        self._conversation.delete(item_id)
        self._sounds.pop(item_id, None)
        return [self._event("conversation.item.deleted", item_id=item_id)]

    def _truncate(self, wanted: protocol.ItemTruncate) -> Sequence[Event]:
        item = self._conversation.find(wanted.item_id, "truncate")
        sound = self._sounds.get(wanted.item_id)
        if sound is None or item["role"] != "assistant":
            message = "Only model output audio messages can be truncated"
            raise Rejected("unsupported_content_type", message)
        end = wanted.audio_end_ms
        if end > sound.ms:
            message = f"Audio content of {sound.ms:.0f}ms is already shorter than {end}ms"
            raise Rejected(None, message)
        self._sounds[wanted.item_id] = sound.first(end)
        # The transcript goes: it would say more than was heard.
        self._conversation.replace({**item, "content": [{"type": "output_audio"}]})
        where = {"item_id": wanted.item_id, "content_index": wanted.content_index}
        return [self._event("conversation.item.truncated", **where, audio_end_ms=end)]

    # Servers that the service asks itself

    def listed(self, listing: Listing, tools: Sequence[_Data] | None) -> Sequence[Event]:
        return self._hosted.listed(listing, tools)

    def called(self, call: NativeCall, outcome: Outcome) -> Sequence[Event]:
        return self._hosted.called(call, outcome)

    # The input audio buffer

    def _append(self, audio: str) -> Sequence[Event]:
        try:
            self._heard += b64decode(audio, validate=True)
        except binascii.Error:
            message = "Invalid value for 'audio': expected base64."
            raise Rejected("invalid_value", message, "audio") from None
        if self._said_no_vad or self._config["audio"]["input"]["turn_detection"] is None:
            return ()
        self._said_no_vad = True
        raise not_emulated(
            "turn detection: it hears when you commit. Set 'turn_detection' to null",
            "session.audio.input.turn_detection",
        )

    def _commit(self) -> Sequence[Event]:
        heard = Sound(bytes(self._heard), self._config["audio"]["input"]["format"]["type"])
        if heard.ms < SHORTEST_COMMIT_MS:
            message = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{SHORTEST_COMMIT_MS}ms of audio, but buffer only has {heard.ms:.2f}ms of audio."
            )
            raise Rejected("input_audio_buffer_commit_empty", message)
        self._heard.clear()
        part = {"type": "input_audio", "transcript": None}
        item = completed({"type": "message", "role": "user", "content": [part]}, self._new_id)
        previous = self._conversation.insert(item)
        self._sounds[item["id"]] = heard
        place = {"item_id": item["id"], "previous_item_id": previous}
        committed = self._event("input_audio_buffer.committed", **place)
        return [committed, *self._added(item, previous), *self._transcription(item)]

    def _transcription(self, item: Item) -> Sequence[Event]:
        if self._config["audio"]["input"]["transcription"] is None:
            return ()
        why = not_emulated("transcription", "session.audio.input.transcription")
        error = {
            "type": "server_error",
            "code": why.code,
            "message": why.message,
            "param": why.param,
        }
        kind = "conversation.item.input_audio_transcription.failed"
        return [self._event(kind, item_id=item["id"], content_index=0, error=error)]

    def _error(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        answers: str | None = None,
    ) -> Event:
        detail = {"type": "invalid_request_error", "code": code, "message": message}
        return self._event("error", error={**detail, "param": param, "event_id": answers})

    def _event(self, kind: str, **fields: Json) -> Event:
        return event(self._new_id, kind, **fields)


def _decoded(frame: str | bytes) -> Json:
    if isinstance(frame, bytes):
        raise Rejected("invalid_event", "Events are JSON in text frames, not binary.")
    try:
        return json.loads(frame)
    except ValueError as error:
        raise Rejected("invalid_json", f"The frame is not valid JSON: {error}") from None
