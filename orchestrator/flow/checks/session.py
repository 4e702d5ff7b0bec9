"""Checks of the session. Pure."""

from orchestrator.flow.document import Document, Session
from orchestrator.flow.models import HEARS_NO_TURNS, SHUTDOWNS, VOICES, reasons
from orchestrator.flow.part import Report

__all__ = ["check_session"]


def check_session(document: Document, report: Report) -> None:
    session = document.session
    spoken = session is None or (session.mode == "voice" and session.channel != "text")
    if spoken and document.on_error is None:
        message = "a voice flow should have on_error: what to do when something fails"
        report.warn("G020", document.node.key("flow"), message)
    if session:
        _check_names(session, report)
        _check_model(session, report)


def _check_names(session: Session, report: Report) -> None:
    for key in ("model", "backup"):
        model = getattr(session, key)
        if model in SHUTDOWNS:
            mark = session.node.at(key).mark
            report.warn("R001", mark, f"{model} shuts down on {SHUTDOWNS[model]}")
    voice = session.voice
    if voice is not None and voice not in VOICES and not voice.startswith("voice_"):
        report.warn("R001", session.node.at("voice").mark, f"unknown voice '{voice}'")


def _check_model(session: Session, report: Report) -> None:
    """Settings that the model does not take: they are not sent."""
    for key in ("reasoning", "parallel_tools"):
        if key in session.node.keys and session.model and not reasons(session.model):
            report.warn("R002", session.node.key(key), f"{session.model} does not take '{key}'")
    transcribe = session.transcribe
    detect = session.turns.detect if session.turns else "semantic"
    if transcribe and transcribe.model in HEARS_NO_TURNS and detect != "manual":
        message = f"{transcribe.model} finds no turns: say `turns: {{detect: manual}}`"
        report.warn("R002", transcribe.node.at("model").mark, message)
