"""Checks of the session. Pure."""

from orchestrator.flow.document import Document
from orchestrator.flow.part import Report

__all__ = ["check_session"]

SHUTDOWNS = {"gpt-realtime": "2027-01-20", "gpt-realtime-mini": "2027-01-20"}
VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"}
)


def check_session(document: Document, report: Report) -> None:
    session = document.session
    spoken = session is None or (session.mode == "voice" and session.channel != "text")
    if spoken and document.on_error is None:
        message = "a voice flow should have on_error: what to do when something fails"
        report.warn("G020", document.node.key("flow"), message)
    if session and session.model in SHUTDOWNS:
        when = SHUTDOWNS[session.model]
        report.warn("R001", session.node.at("model").mark, f"{session.model} shuts down on {when}")
    if session and session.voice is not None and session.voice not in VOICES:
        report.warn("R001", session.node.at("voice").mark, f"unknown voice '{session.voice}'")
