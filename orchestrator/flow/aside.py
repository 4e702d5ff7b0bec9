"""What the model is asked beside the conversation: nobody hears it, nothing waits but a step. Pure.

Each question has an id, its time, and one end: an answer, or none. An answer that nobody waits
for any more changes nothing.
"""

from collections.abc import Iterable, Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow.commands import Ask, Hush
from orchestrator.flow.definition import Classify
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import OpenAsk
from orchestrator.flow.variables import give

__all__ = ["ask", "chosen", "classified", "classify", "close", "give_up", "question"]

PATIENCE = 10.0
"""Seconds that the model has for an answer."""

TASK = "Nobody hears this answer. Judge what was said, and answer with one of the words below only."


def ask(m: Macrostep, asked: OpenAsk, instructions: str, about: str = "") -> str:
    """Ask now; the question's id is returned."""
    name = m.new_id("ask")
    here = replace(asked, flow=m.place.flow, frame=m.place.frame)
    m.work = replace(m.work, asks={**m.work.asks, name: here})
    m.set_timer(f"ask:{name}", PATIENCE)
    m.emit(Ask(name, asked.purpose, instructions, about))
    return name


def close(m: Macrostep, name: str) -> OpenAsk | None:
    """What was asked under this name, which is over now; None if it was over before."""
    asked = m.work.asks.get(name)
    if asked:
        m.work = replace(m.work, asks={k: v for k, v in m.work.asks.items() if k != name})
        m.drop_timers(f"ask:{name}")
    return asked


def give_up(m: Macrostep, name: str) -> OpenAsk | None:
    """Nobody waits for it any more: the service may stop working on it."""
    asked = close(m, name)
    if asked:
        m.emit(Hush(name))
    return asked


def question(text: str, choices: Iterable[str]) -> str:
    """Instructions for an answer that is one of these words."""
    words = "\n".join(f"- {word}" for word in choices)
    return f"# Task\n{TASK}\n\n# Classify\n{text.strip()}\n\n# Choose one of\n{words}"


def chosen(text: str, choices: Mapping[str, Json]) -> str | None:
    """The word of `choices` that the answer is, whatever its case, quotes and full stop."""
    said = text.strip().strip("\"'“”`*.!").casefold()
    return next((word for word in choices if word.casefold() == said), None)


def classify(m: Macrostep, todo: Classify) -> None:
    """A step asks; the steps go on when it is answered, or when its time is over."""
    instructions = question(m.text(todo.text), m.flow.variables[todo.variable].choices)
    m.hold(ask(m, OpenAsk("classify", todo.variable), instructions))


def classified(m: Macrostep, name: str, asked: OpenAsk, text: str | None) -> None:
    """The variable of a step gets its value; None if the answer is none, so that edges see it."""
    if not any(cursor.waiting == name for cursor in m.place.steps):
        return
    choices = m.flow.variables[asked.subject].choices
    word = chosen(text, choices) if text is not None else None
    if word is None:
        m.report("classify.failed", name=asked.subject, reason=text or "no answer")
    give(m, {asked.subject: choices[word] if word is not None else None})
    m.let_go(name)
