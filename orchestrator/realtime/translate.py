"""Between the engine's words and the Realtime protocol's. Pure.

`Realtime` is one session's adapter: commands become client events, server events become
the engine's events. It keeps only what it needs to tell whose answer a response is.
Server events that tell the engine nothing (deltas above all) cost one look-up of `type`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias, assert_never

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import (
    AddItem,
    AnswerCall,
    AnswerNative,
    Ask,
    AskToStop,
    Command,
    Dispatch,
    DropItems,
    Emit,
    End,
    Hush,
    Play,
    Remember,
    Report,
    Say,
    SendDigits,
    Speak,
    Transfer,
    Withdraw,
)
from orchestrator.flow.events import (
    AgentSaid,
    AgentSaying,
    AnswerEnded,
    Event,
    NativeAsked,
    NativeSettled,
    ProviderLost,
    ToolAsked,
)
from orchestrator.realtime.ends import ending, usage
from orchestrator.realtime.native import outcome
from orchestrator.realtime.objects import ErrorDetail, Item, Response, is_object
from orchestrator.realtime.protocol import (
    Error,
    ItemDone,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    SessionCreated,
    TextDelta,
    TranscriptDelta,
    Unknown,
    parse_server,
)
from orchestrator.realtime.questions import Questions
from orchestrator.realtime.sequencer import Cancel, Create, Ended, Output, Sequencer
from orchestrator.realtime.speech import SPEECH, Playback, caller_event

__all__ = ["Realtime", "complaint"]

Send: TypeAlias = dict[str, Json]
"""A client event."""

Step: TypeAlias = tuple[tuple[Event, ...], tuple[Send, ...]]
"""What happened, for the engine; and what to send, in order."""

_NOTHING: Step = ((), ())

_HEARD = (
    "session.created",
    "response.created",
    "response.output_item.done",
    "response.done",
    "conversation.item.done",
    "error",
)
"""The server events that mean something to the engine."""

_ITEM_DONE = "conversation.item.done"
_SAYING = ("response.output_text.delta", "response.output_audio_transcript.delta")
"""Those that do where somebody watches the words as they come."""

_WATCHED = 40
"""Characters between two looks at words that are still coming."""

_EXPECTED = frozenset(
    {
        "conversation_already_has_active_response",
        "input_audio_buffer_commit_empty",
        "item_create_duplicate_item_id",
        "item_delete_invalid_item_id",
        "item_truncate_invalid_item_id",
        "response_cancel_not_active",
    }
)
"""Errors that come with races and repetitions: what we wanted is so already, or will be."""


def complaint(event: Mapping[str, Json]) -> ErrorDetail | None:
    """The error that people should know of; None for other events and harmless errors."""
    if event.get("type") != "error":
        return None
    parsed = parse_server(event)
    assert isinstance(parsed, Error)
    return None if parsed.error.code in _EXPECTED else parsed.error


class Realtime:
    """The adapter of one session. `session` is the service's session object once accepted."""

    def __init__(self) -> None:
        self.session: Mapping[str, Json] | None = None
        self._sequencer = Sequencer()
        self._asked: dict[str, Speak] = {}
        self._questions = Questions()
        self._told: set[str] = set()  # output items of open answers that the engine knows
        self._native_told: set[str] = set()
        self._hushed: set[str] = set()  # open answers that nobody waits for
        self._saying: tuple[str, str, int] = ("", "", 0)  # an answer, its words, how many are told
        self._playback = Playback()
        self._modality: str = "text"
        self._watch = False

    def start(self, session: Mapping[str, Json], *, watch: bool = False) -> tuple[Send, ...]:
        """What to send as soon as the session is accepted; `session` is its configuration.

        `watch` asks for the agent's words as they come.
        """
        self._modality = session.get("output_modalities", ["text"])[0]
        self._watch = watch
        return ({"type": "session.update", "session": dict(session)},)

    def perform(self, command: Command) -> tuple[Send, ...]:
        """The client events of a command; none for the commands that others perform."""
        match command:
            case Speak():
                self._asked[command.id] = command
                return self._sends(self._sequencer.ask(command.id))
            case Ask():
                return (self._questions.ask(command),)
            case Hush(speak=ask) if ask in self._questions:
                return self._questions.stop(ask)
            case Hush() if command.speak not in self._asked:
                return ()  # it is over, and only being heard: whoever plays it stops that
            case Hush():  # its end, if it comes at once, is of no interest
                self._hushed.add(command.speak)
                return self._step(self._sequencer.cancel(command.speak), 0.0)[1]
            case Say():
                return (_message(command.item, "assistant", command.text),)
            case AddItem():
                message = _message(command.item, command.role, command.text, command.image)
                return (message | {"previous_item_id": "root"} if command.first else message,)
            case DropItems(items=items):
                return tuple(_delete(item) for item in items)
            case AnswerCall():
                return (_output(command),)
            case AnswerNative():
                return (_approval(command),)
            case (
                Play()
                | SendDigits()
                | Dispatch()
                | Withdraw()
                | AskToStop()
                | Emit()
                | Remember()
                | Transfer()
                | End()
                | Report()
            ):
                return ()
        assert_never(command)

    def receive(self, event: Mapping[str, Json], at: float) -> Step:
        """What a server event means. Raises `ProtocolError` if it is broken."""
        if not self._means_something(event):
            return _NOTHING
        match parse_server(event):
            case SessionCreated(session=session):
                self.session = session
            case ResponseCreated(response=response):
                return self._created(response, at)
            case ItemDone(item=item):
                return self._native(item, at), ()
            case OutputItemDone(response_id=response_id, item=item):
                speak = self._sequencer.speaking(response_id)
                return self._tell(speak, item, at), ()
            case (
                TextDelta(response_id=response_id, delta=delta)
                | TranscriptDelta(response_id=response_id, delta=delta)
            ):
                return self._hear(self._sequencer.speaking(response_id), delta, at), ()
            case ResponseDone(response=response):
                return self._done(response, at)
            case Error(error=error) if error.event_id and error.event_id in self._questions:
                return self._questions.failed(error.event_id, error.code or "error", at), ()
            case Error(error=error):
                code = error.code or error.type or "error"
                return self._step(self._sequencer.refused(error.event_id, code), at)
            case Unknown():
                pass
            case heard:
                told = caller_event(heard, at) or self._playback.event(heard, at)
                return ((told,) if told else ()), ()
        return _NOTHING

    def _means_something(self, event: Mapping[str, Json]) -> bool:
        kind = event.get("type")
        if kind == _ITEM_DONE:
            return _is_native(event.get("item"))
        return kind in _HEARD or kind in SPEECH or (self._watch and kind in _SAYING)

    def complaint(self, event: Mapping[str, Json]) -> str | None:
        """What people should know of an error that the session survives."""
        detail = complaint(event)
        return f"{detail.code or detail.type}: {detail.message}" if detail else None

    def lost(self, reason: str, at: float) -> Step:
        """The session is gone. That comes first: open answers fail for no other reason."""
        events, sends = self._step(self._sequencer.close(reason), at)
        return (ProviderLost(at, reason), *events, *self._questions.lost(reason, at)), sends

    def _created(self, response: Response, at: float) -> Step:
        speak = _named(response)
        if speak and speak in self._questions:
            self._questions.begun(speak, response)
        if speak in self._asked:
            self._playback.begins(response.id, speak)
        if response.conversation_id is None and speak not in self._asked:
            return _NOTHING  # out of band: it takes no turn in the conversation
        return self._step(self._sequencer.created(response.id, speak), at)

    def _done(self, response: Response, at: float) -> Step:
        """The end, after what the items told that had not been heard one by one."""
        if (ask := _named(response)) and ask in self._questions:
            return self._questions.done(ask, response, at), ()
        speak = _named(response) or self._sequencer.speaking(response.id)
        told = [event for item in response.output for event in self._tell(speak, item, at)]
        how, error = ending(response)
        events, sends = self._step(self._sequencer.done(response.id, speak, how, error), at)
        used = usage(response)
        paid = [
            replace(event, usage=used)
            if isinstance(event, AnswerEnded) and event.speak == speak
            else event
            for event in events
        ]
        return (*told, *paid), sends

    def _hear(self, speak: str | None, delta: str, at: float) -> tuple[Event, ...]:
        """More words of an answer of ours; told when there are enough new ones."""
        if speak not in self._asked or speak in self._hushed:
            return ()
        answer, before, told = self._saying
        text, told = (before + delta, told) if answer == speak else (delta, 0)
        enough = len(text) - told >= _WATCHED
        self._saying = (speak, text, len(text) if enough else told)
        return (AgentSaying(at, speak, text),) if enough else ()

    def _tell(self, speak: str | None, item: Item, at: float) -> tuple[Event, ...]:
        """An output item of ours, once. A call that was cut off is incomplete: it must not run."""
        if speak not in self._asked or speak in self._hushed or item.id in self._told:
            return ()
        self._told.add(item.id)
        if item.type == "message" and item.words:
            return (AgentSaid(at, speak, item.words, item.id),)
        if item.type == "function_call" and item.status == "completed" and item.call_id:
            arguments = item.arguments or "{}"
            name = item.name or ""
            return (ToolAsked(at, speak, item.call_id, name, arguments, item.id),)
        return ()

    def _native(self, item: Item, at: float) -> tuple[Event, ...]:
        """What the service does at a server of its own, told once."""
        if item.id in self._native_told:
            return ()
        self._native_told.add(item.id)
        where = (item.server_label or "", item.name or "", item.arguments or "{}")
        if item.type == "mcp_approval_request":
            return (NativeAsked(at, item.id, *where),)
        return (NativeSettled(at, item.approval_request_id or item.id, *where, outcome(item)),)

    def _step(self, outputs: tuple[Output, ...], at: float) -> Step:
        ended = [output for output in outputs if isinstance(output, Ended)]
        for output in ended:
            del self._asked[output.speak]
            self._hushed.discard(output.speak)
        if not self._asked:
            self._told.clear()
        events = tuple(AnswerEnded(at, output.speak, output.how, output.error) for output in ended)
        return events, self._sends(outputs)

    def _sends(self, outputs: tuple[Output, ...]) -> tuple[Send, ...]:
        sends: list[Send] = []
        for output in outputs:
            match output:
                case Create(speak, event):
                    sends.append(_create(self._asked[speak], event, self._modality))
                case Cancel(response):
                    sends.append({"type": "response.cancel", "response_id": response})
                case Ended():
                    pass
        return tuple(sends)


def _create(speak: Speak, event: str, modality: str) -> Send:
    metadata = {"epoch": str(speak.epoch), "purpose": speak.purpose, "id": speak.id}
    response: dict[str, Json] = {
        "metadata": metadata,
        "output_modalities": [modality],
        "tool_choice": speak.choice,
    }
    if speak.whole:
        response["instructions"] = speak.instructions
        response["tools"] = [dict(tool) for tool in speak.tools]
    return {"type": "response.create", "event_id": event, "response": response}


def _message(item: str, role: str, text: str, image: str = "") -> Send:
    kind = "output_text" if role == "assistant" else "input_text"
    part = {"type": "input_image", "image_url": image} if image else {"type": kind, "text": text}
    content = [part]
    return _item({"id": item, "type": "message", "role": role, "content": content})


def _output(answer: AnswerCall) -> Send:
    return _item(
        {
            "id": answer.item,
            "type": "function_call_output",
            "call_id": answer.call,
            "output": answer.output,
        }
    )


def _delete(item: str) -> Send:
    return {"type": "conversation.item.delete", "event_id": f"drop.{item}", "item_id": item}


def _approval(answer: AnswerNative) -> Send:
    item = {
        "id": answer.item,
        "type": "mcp_approval_response",
        "approval_request_id": answer.request,
        "approve": answer.approve,
    }
    return _item({**item, "reason": answer.reason} if answer.reason else item)


def _is_native(item: Json) -> bool:
    return is_object(item) and item.get("type") in ("mcp_call", "mcp_approval_request")


def _item(item: Mapping[str, Json]) -> Send:
    return {"type": "conversation.item.create", "event_id": item["id"], "item": item}


def _named(response: Response) -> str | None:
    """The answer that a response says it gives. Whoever created it wrote that, ours or not."""
    return (response.metadata or {}).get("id")
