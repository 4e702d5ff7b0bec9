"""How an answer of the model ends, well or not. Pure.

Each function returns the reason for which the flow fails, if it does. To the caller it is all
one whether a response was empty, failed, or never came: silence. See docs/decisions/0008.
"""

from orchestrator.flow.commands import Hush
from orchestrator.flow.drift import THRESHOLD, likeness
from orchestrator.flow.events import AgentSaid, AnswerEnded
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import AGAIN
from orchestrator.flow.talk import HEARD, MUTE, owe, patience, speak

__all__ = ["MAX_ROUNDS", "agent_said", "answer_ended", "ask_again", "overdue"]

MAX_ROUNDS = 12
"""Answers without a word of the caller in between: a model that only calls tools is stopped."""
MAX_FAILURES = 2
HEARING = 60.0
"""Seconds after which an answer that has ended is taken to have been heard to its end."""
PAUSE = 0.5
"""Seconds before an answer that failed is asked for again; twice that before the next try."""


def agent_said(m: Macrostep, event: AgentSaid) -> None:
    if event.speak == m.talk.speaking:
        words = f"{m.talk.said} {event.text}" if m.talk.purpose == "say" else ""
        m.talk = replace(m.talk, spoke=True, observed=False, said=words)
        patience(m)


def answer_ended(m: Macrostep, event: AnswerEnded) -> str | None:
    """What waited for the answer goes on; an empty one is asked for again."""
    if event.speak != m.talk.speaking:
        return None
    calls, observed = m.talk.calls, m.talk.observed
    m.drop_timers("answer:")
    if not _came_to_something(m, event.how):
        return _failed(m, event.speak, event.error or event.how)
    alone = m.talk.rounds if calls or observed or m.talk.purpose in MUTE else 0
    m.talk = replace(m.talk, speaking=None, calls=(), failures=0, rounds=alone)
    m.let_go(event.speak)
    if event.how == "cancelled":
        m.happen("response.cancelled")
    elif m.run.channel != "text" and m.talk.spoke and m.talk.heard != event.speak:
        m.talk = replace(m.talk, hearing=event.speak)
        m.set_timer(HEARD, HEARING)
    _read_back(m, event.speak, event.how)
    if m.talk.purpose == "say" and event.how == "completed":
        _compare(m)
    if m.talk.rounds > MAX_ROUNDS:
        return "model.loop"
    due = observed or (calls and (m.talk.due or not m.talk.spoke))
    if due and not m.place.move:
        owe(m, "answer")
    return None


def _compare(m: Macrostep) -> None:
    """A voice was to say the author's words: are they what it said?"""
    wanted, said = m.talk.text, m.talk.said.strip()
    alike = likeness(wanted, said)
    if alike < THRESHOLD:
        m.report("say.drift", wanted=wanted, said=said, likeness=alike)
        m.happen("say.drift", wanted=wanted, said=said, likeness=alike)


def _came_to_something(m: Macrostep, how: str) -> bool:
    """Words or a call; of a read-back, all its words. Whoever cuts an answer off will speak."""
    if how == "cancelled" or m.talk.calls:
        return True
    whole = how == "completed" or (how == "incomplete" and m.talk.purpose != "readback")
    return whole and m.talk.spoke


def _read_back(m: Macrostep, answer: str, how: str) -> None:
    """Heard out, so that the next turn may be a yes to it; or cut off, to be repeated later; or it
    came to nothing, and is made again. Where there is sound, it may only be being heard yet."""
    asked, turns = m.work.confirming, m.talk.turns
    if asked is None or asked.spoken != answer:
        return  # the caller is asked about something else by now
    whole = how == "completed" and m.talk.spoke
    if not (whole and m.talk.hearing == answer):
        asked = replace(asked, spoken=None, heard=turns if whole else None)
        cut_off = turns if how == "cancelled" else asked.cut_off
        m.work = replace(m.work, confirming=replace(asked, cut_off=cut_off))


def _failed(m: Macrostep, answer: str, error: str) -> str | None:
    """Nothing was said or asked for. Try again after a pause, a few times; then it is an error."""
    failures = m.talk.failures + 1
    m.talk = replace(m.talk, speaking=None, failures=failures, calls=())
    m.report("answer.failed", error=error, failures=failures)
    _read_back(m, answer, "failed")
    if failures > MAX_FAILURES:
        m.talk = replace(m.talk, failures=0)
        return error
    m.set_timer(AGAIN, PAUSE * 2.0 ** (failures - 1))
    m.let_go(answer, now=AGAIN)
    if m.talk.purpose not in MUTE:
        owe(m, m.talk.purpose)
    return None


def ask_again(m: Macrostep) -> None:
    """The pause is over. Steps that wait are spoken for here; any other debt is paid at rest."""
    if m.talk.caller:
        m.set_timer(AGAIN, PAUSE)
    elif m.talk.purpose == "say" and not m.talk.text:  # a file without words: nothing replaces it
        m.let_go(AGAIN)
    elif any(cursor.waiting == AGAIN for cursor in m.place.steps):
        m.let_go(AGAIN, now=speak(m, m.talk.purpose, m.talk.text))


def overdue(m: Macrostep) -> str | None:
    """The service gave no sign of an answer for so long that there will be none."""
    answer = m.talk.speaking
    if answer is None:
        return None
    m.emit(Hush(answer))
    m.talk = replace(m.talk, speaking=None, calls=())
    return "answer.timeout"
