"""What the channel and the mode of a session can do, and what the flow asks of them. Pure.

A flow that names no channel is for whatever channel will carry it: then nothing is refused here.
"""

from collections.abc import Iterator

from orchestrator.flow.checks.walk import edges, steps
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Document, Edge, Interrupt
from orchestrator.flow.part import Report

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
    message = "nobody answers where `mode` is transcribe"
    for step in steps(document):
        for key in ("say", "prompt", "classify", "play", "show"):
            if getattr(step, key) is not None:
                report("C002", step.node.key(key), message)
    for state in document.states.values():
        for key in ("goal", "collect", "tools"):
            if getattr(state, key):
                report("C002", state.node.key(key), message)
    for edge in edges(document):
        if edge.intent is not None:
            report("C002", edge.node.key("intent"), message)
    for silence in document.silence:
        for key in ("say", "prompt"):
            if getattr(silence, key) is not None:
                report("C002", silence.node.key(key), message)
    for interrupt in document.interrupts.values():
        if interrupt.intent is not None:
            report("C002", interrupt.node.key("intent"), message)
