"""What the caller hears while a call is under way. Pure."""

from orchestrator.flow.attempts import about, put
from orchestrator.flow.definition import Filler
from orchestrator.flow.events import CallProgressed
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import OpenCall
from orchestrator.flow.talk import busy, say, say_text, speak

__all__ = ["filler_due", "progressed"]

PAUSE = 0.5
"""Seconds until a filler that nobody could hear yet is tried again."""
A_MOMENT = "Say in a few words that it takes a moment. Promise nothing."


def filler_due(m: Macrostep, call_id: str) -> None:
    """The caller has waited for a while: say so. The first one waits for a pause in the talk.
    Who is in another flow by now has not waited: nothing is said of a call of one that is over."""
    call = m.work.calls.get(call_id)
    filler = m.tool(call).filler if call else None
    if not call or not filler or m.ended or m.is_over(call.frame):
        return
    again = filler.every
    if not busy(m) and not m.talk.hearing:
        with m.within(call.frame, call.flow):
            _say_filler(m, call, filler)
    elif not call.fillers:
        again = PAUSE
    if again:
        m.set_timer(f"filler:{call_id}", again)


def _say_filler(m: Macrostep, call: OpenCall, filler: Filler) -> None:
    if filler.progress and call.news:
        say_text(m, call.news)
        put(m, replace(call, news=""))
    elif filler.lines:
        say(m, filler.lines[call.fillers % len(filler.lines)])
        put(m, replace(call, fillers=call.fillers + 1))
    else:
        speak(m, "prompt", A_MOMENT)


def progressed(m: Macrostep, event: CallProgressed) -> None:
    """A handler says how far it is; the next filler may tell it. Late news is none."""
    call = m.work.calls.get(event.call)
    if call is None or call.attempt != event.attempt or call.pausing or call.queued:
        return
    put(m, replace(call, news=event.text or call.news))
    m.report("call.progress", **about(call, text=event.text, data=event.data))
