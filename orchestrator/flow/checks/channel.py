"""What the channel and the mode of a session can do, and what the flow asks of them. Pure.

A flow that names no channel is for whatever channel will carry it: then nothing is refused here.
"""

from collections.abc import Iterator

from orchestrator.flow.checks.walk import edges, steps
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document, Edge, Interrupt
from orchestrator.flow.part import Part, Report

__all__ = ["check_channel"]

CHANNELS = {
    "text": frozenset({"text"}),
    "websocket": frozenset({"text", "audio", "image", "play"}),
    "webrtc": frozenset({"text", "audio", "image"}),
    "sip": frozenset({"audio", "call", "keys"}),
}
"""What the Realtime service can do by each. A carrier of calls will be able to do more."""

REFUSED = {
    "dial": "cannot dial out",
    "call": "takes no calls",
    "play": "cannot play a file",
    "press": "cannot send digits",
    "headers": "passes no headers on with a transfer",
    "audio": "carries no audio from the caller",
    "image": "carries no images",
    "text": "carries no text from the caller",
}


def check_channel(document: Document, report: Report) -> None:
    session = document.session
    if session and session.channel:
        can = CHANNELS[session.channel]
        for what, mark in _wanted(document):
            if what not in can:
                report("C001", mark, f"the channel {session.channel} {REFUSED[what]}")
        if "keys" not in can:
            _check_keys(document, session.channel, report)
    if session and session.mode == "transcribe":
        _check_silent(document, report)


def _wanted(document: Document) -> Iterator[tuple[str, Mark]]:
    """What only some channels can do, and where the flow asks for it."""
    session = document.session
    for index, given in enumerate((session.inputs or ()) if session else ()):
        assert session
        yield given, session.node.at("inputs", index).mark
    if document.outbound:
        yield "dial", document.node.key("outbound")
    for trigger in document.triggers:
        if trigger.kind == "call":
            yield "call", trigger.node.key("call")
    for step in steps(document):
        for key, what in (("dtmf", "press"), ("play", "play"), ("audio", "play")):
            if getattr(step, key) is not None:
                yield what, step.node.key(key)
    for state in document.states.values():
        if state.transfer and state.transfer.headers:
            yield "headers", state.transfer.node.key("headers")


def _check_keys(document: Document, channel: str, report: Report) -> None:
    ways: list[Edge | Interrupt] = [*edges(document), *document.interrupts.values()]
    for edge in ways:
        if edge.dtmf is not None:
            message = f"no key is ever pressed: the channel {channel} brings none"
            report.warn("C003", edge.node.key("dtmf"), message)


def _check_silent(document: Document, report: Report) -> None:
    """Where a session only transcribes there is no model that could speak, choose or ask."""
    for mark in _wanting_a_model(document):
        report("C002", mark, "nobody answers where `mode` is transcribe")


def _wanting_a_model(document: Document) -> Iterator[Mark]:
    for step in steps(document):
        yield from _given(step, "say", "prompt", "classify", "play", "show")
    for state in document.states.values():
        yield from _given(state, "goal", "collect", "tools")
        for silence in state.silence or ():
            yield from _given(silence, "say", "prompt")
        if state.transfer:
            yield from _given(state.transfer, "summary")
        if state.context and state.context.summary:
            yield state.node.key("context")
        if state.handoff and state.handoff.context and state.handoff.context.summary:
            yield state.handoff.node.key("context")
    for edge in (*edges(document), *document.interrupts.values()):
        yield from _given(edge, "intent")
    for silence in document.silence:
        yield from _given(silence, "say", "prompt")
    if document.guards:
        for guard in (*document.guards.input, *document.guards.output):
            yield from _given(guard, "classify")


def _given(part: Part, *keys: str) -> Iterator[Mark]:
    return (part.node.key(key) for key in keys if getattr(part, key))
