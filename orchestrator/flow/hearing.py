"""Speech, as it is heard: the caller begins and ends, the agent is heard out or cut off. Pure.

In text an answer that has ended was read. Where there is sound it is *being heard* from its end
on, until the player says that it was heard out or cut off; read-backs, endings, transfers and
the caller's silence count from there.
"""

from orchestrator.flow import silence, taking, work
from orchestrator.flow.answers import answer_ended
from orchestrator.flow.commands import Hush
from orchestrator.flow.events import AnswerEnded
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import AGAIN
from orchestrator.flow.talk import CALLER, HEARD

__all__ = [
    "caller_began",
    "caller_stopped",
    "committed",
    "cut_off",
    "finished",
    "line",
    "turn",
    "unheard_of",
]

LONGEST = 120.0
"""Seconds after which a caller who began to speak is taken to have stopped."""
COMMIT = 2.0
"""Seconds within which what the caller said becomes a turn, or never does."""


def caller_began(m: Macrostep) -> None:
    """The caller speaks: nobody else begins to, and an agent that speaks may be cut off."""
    silence.broken(m)
    m.talk = replace(m.talk, caller=True)
    m.set_timer(CALLER, LONGEST)
    if may_cut_in(m):
        _cut_in(m)
        work.interrupted(m)


def may_cut_in(m: Macrostep) -> bool:
    voice = m.state.voice
    own = voice.interrupt if voice else None
    return m.session.session.turns.interrupt if own is None else own


def _cut_in(m: Macrostep) -> None:
    """Stop what is being said and what is being heard. A move that was asked for stays."""
    open_answer, heard = m.talk.speaking, m.talk.hearing
    if open_answer:
        m.emit(Hush(open_answer))
        answer_ended(m, AnswerEnded(m.at, open_answer, "cancelled"))
    if heard:
        m.emit(Hush(heard))
        cut_off(m, heard)


def caller_stopped(m: Macrostep) -> None:
    if m.talk.caller:
        m.set_timer(CALLER, COMMIT)


def committed(m: Macrostep) -> None:
    """What the caller said is a turn. Where a flow only transcribes, lines are what counts."""
    m.talk = replace(m.talk, caller=False)
    m.drop_timers(CALLER)
    if m.session.session.mode != "transcribe":
        turn(m)


def unheard_of(m: Macrostep, timer: str) -> None:
    """The end of what somebody says was never told: take it to have come."""
    if timer == CALLER:
        m.talk = replace(m.talk, caller=False)
    elif m.talk.hearing:
        finished(m, m.talk.hearing)


def turn(m: Macrostep) -> None:
    """A whole turn of the caller, typed or spoken: an answer is due."""
    silence.broken(m)
    m.talk = replace(m.talk, turns=m.talk.turns + 1, unheard=True, rounds=0)
    if not any(cursor.waiting == AGAIN for cursor in m.place.steps):
        m.drop_timers(AGAIN)
    _count(m)
    work.keep_company(m)
    taking.keep_company(m)


def line(m: Macrostep) -> None:
    """What was said is known in words. Where a flow only transcribes that is a turn."""
    silence.broken(m)
    if m.session.session.mode == "transcribe":
        m.talk = replace(m.talk, turns=m.talk.turns + 1)
        _count(m)


def _count(m: Macrostep) -> None:
    for frame in (m.place.frame, *m.frames):
        with m.within(frame):
            _heed_limit(m)


def _heed_limit(m: Macrostep) -> None:
    """Each turn counts in the states of all frames, so that a limit is passed once an entry."""
    limits = m.state.limits
    if limits and limits.turns is not None and m.talk.turns == m.place.turns + limits.turns + 1:
        m.happen("limits", fatal_in=m.place.epoch, limit="turns")


def finished(m: Macrostep, answer: str) -> None:
    """Heard to its end: now the caller may say yes to what was read back."""
    asked = m.work.confirming
    if m.talk.speaking == answer:
        m.talk = replace(m.talk, heard=answer)
    elif asked and asked.spoken == answer:
        asked = replace(asked, spoken=None, heard=m.talk.turns)
        m.work = replace(m.work, confirming=asked)
    _heard(m, answer)


def cut_off(m: Macrostep, answer: str) -> None:
    """Stopped before its end: a read-back has to be made again."""
    if m.talk.speaking == answer:
        m.emit(Hush(answer))
        answer_ended(m, AnswerEnded(m.at, answer, "cancelled"))
    elif m.talk.hearing == answer:
        m.happen("response.cancelled")
    asked = m.work.confirming
    if asked and asked.spoken == answer:
        asked = replace(asked, spoken=None, cut_off=m.talk.turns)
        m.work = replace(m.work, confirming=asked)
    _heard(m, answer)


def _heard(m: Macrostep, answer: str) -> None:
    if m.talk.hearing == answer:
        m.talk = replace(m.talk, hearing=None)
        m.drop_timers(HEARD)
