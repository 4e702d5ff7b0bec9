"""Who speaks next. Pure.

One answer at a time: while one is open, what should follow it is owed. Outputs of calls
never make the model speak by themselves; when everything has settled, `rest` asks for
exactly one answer, or for none.
"""

from dataclasses import replace

from orchestrator.flow.commands import Purpose, Say, Speak
from orchestrator.flow.definition import Template
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import instructions, schemas

__all__ = ["owe", "rest", "say", "speak"]

_RANK: tuple[Purpose, ...] = ("result", "answer", "resume", "goal", "readback")


def owe(m: Macrostep, purpose: Purpose) -> None:
    """An answer is due. Several debts are paid with one answer, the most telling one."""
    owed = m.talk.owed
    if owed is None or _RANK.index(purpose) > _RANK.index(owed):
        m.talk = replace(m.talk, owed=purpose)


def rest(m: Macrostep) -> None:
    """Nothing is left to decide: pay what is owed, unless outputs of calls are still to come."""
    purpose = m.talk.owed or ("answer" if m.talk.unheard else None)
    if purpose is None or m.talk.speaking or m.ended:
        return
    if any(call.answers for call in m.work.calls.values()):
        return
    if purpose == "readback" and m.work.confirming:
        speak(m, "readback", m.work.confirming.read_back)
    else:
        speak(m, "answer" if purpose == "readback" else purpose)


def speak(m: Macrostep, purpose: Purpose, text: str = "") -> str:
    """Ask for an answer now; its id is returned. Nothing else may be open."""
    assert m.talk.speaking is None, "one answer at a time"
    answer = m.new_id("say")
    mute = purpose in ("prompt", "say", "readback")
    m.talk = replace(
        m.talk,
        speaking=answer,
        purpose=purpose,
        text=text,
        calls=(),
        owed=None,
        unheard=False,
        said=False,
        rounds=m.talk.rounds + 1,
    )
    tools = () if mute else schemas(m)
    prose = instructions(m, purpose, text)
    m.emit(Speak(answer, purpose, m.place.epoch, prose, tools, "none" if mute else "auto"))
    return answer


def say(m: Macrostep, template: Template) -> str | None:
    """Say the author's words. Where there is a voice that is an answer, whose id is returned.

    Words with something unset in them are not said at all: half a sentence helps nobody.
    """
    unset = template.unset(m.scope())
    if unset:
        m.report("say.unset", name=unset, place=str(template.mark))
        return None
    text = m.text(template)
    if m.run.channel != "text":
        return speak(m, "say", text)
    m.emit(Say(m.new_id("item"), text))
    m.talk = replace(m.talk, said=True)
    return None
