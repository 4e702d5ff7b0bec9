"""Compiles the settings of the provider's session. Pure."""

from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.part import Report

__all__ = ["compile_session"]


def compile_session(session: doc.Session | None, report: Report) -> made.Session:
    if session is None:
        return made.Session()
    if "${" in session.persona:
        place = session.node.at("persona").place(session.persona.index("${"))
        report("E003", place, "the persona is constant: no ${…} here")
    return made.Session(
        mode=session.mode,
        persona=session.persona.strip(),
        model=session.model,
        voice=session.voice,
        language=session.language,
        zone=session.zone,
        reasoning=session.reasoning,
        channel=session.channel,
        backup=session.backup,
        speed=session.speed,
        noise=session.noise,
        turns=_turns(session.turns),
        transcribe=_transcribe(session.transcribe),
        max_output=session.max_output,
        truncation=_truncation(session.truncation),
        parallel_tools=session.parallel_tools,
        inputs=tuple(session.inputs) if session.inputs is not None else None,
        trace=session.trace,
        prompting=session.prompting,
    )


def _turns(turns: doc.Turns | None) -> made.Turns:
    if turns is None:
        return made.Turns()
    return made.Turns(turns.detect, turns.eagerness, turns.end_after, turns.prefix, turns.interrupt)


def _transcribe(transcribe: doc.Transcribe | None) -> made.Transcribe:
    if transcribe is None:
        return made.Transcribe()
    return made.Transcribe(transcribe.model, transcribe.language, tuple(transcribe.terms))


def _truncation(truncation: doc.Truncation | None) -> made.Truncation | None:
    return made.Truncation(truncation.keep, truncation.after_tokens) if truncation else None
